# ssmbak-stack publish --code-bucket my-artifacts --output json > code.json
module "ssmbak" {
  source = "../.."

  code  = jsondecode(file("${path.module}/code.json"))
  admin = ["arn:aws:iam::123456789012:role/deploy"]
  email = "ops@example.com"
}

output "bucket" {
  value = module.ssmbak.bucket_name
}
