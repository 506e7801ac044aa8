# One module for each account and region, each with its provider. Every account must be
# able to read the bucket with the code, which is in the same region as the functions:
# ssmbak-stack publish --code-bucket my-artifacts-eu --region eu-west-1 --output json > eu.json
# ssmbak-stack publish --code-bucket my-artifacts-us --region us-east-1 --output json > us.json
provider "aws" {
  alias  = "shop_eu"
  region = "eu-west-1"
  assume_role {
    role_arn = "arn:aws:iam::111111111111:role/deploy"
  }
}

provider "aws" {
  alias  = "billing_us"
  region = "us-east-1"
  assume_role {
    role_arn = "arn:aws:iam::222222222222:role/deploy"
  }
}

module "shop_eu" {
  source    = "../.."
  providers = { aws = aws.shop_eu }

  code    = jsondecode(file("${path.module}/eu.json"))
  admin   = ["arn:aws:iam::111111111111:role/deploy"]
  exclude = ["/ci/**"]
}

module "billing_us" {
  source    = "../.."
  providers = { aws = aws.billing_us }

  code          = jsondecode(file("${path.module}/us.json"))
  admin         = ["arn:aws:iam::222222222222:role/deploy"]
  sign          = "on"
  sign_since    = "2024-06-13T20:10:54Z"
  lock_mode     = "governance"
  lock_days     = 90
  verify        = "rate(2 days)"
  verify_sample = 30
}
