# The stack of ssmbak, from the template and the code that `ssmbak-stack publish` has put
# into a bucket.
resource "aws_cloudformation_stack" "this" {
  name         = var.name
  template_url = var.code.TemplateUrl
  parameters   = local.parameters
  capabilities = ["CAPABILITY_IAM"]
  iam_role_arn = var.iam_role_arn
  tags         = var.tags

  lifecycle {
    precondition {
      condition     = local.zip != null
      error_message = "The published code has no zip for this architecture."
    }
    precondition {
      condition     = var.sign != "on" || var.sign_since != ""
      error_message = "Set sign_since to the current time: older objects of the archive are not signed."
    }
  }
}

locals {
  zip = try([for z in var.code.Zips : z if z.Architecture == var.architecture][0], null)
}
