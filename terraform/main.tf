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
    precondition {
      condition     = var.encryption != "given-key" || var.key_arn != ""
      error_message = "encryption given-key requires key_arn."
    }
    precondition {
      condition     = var.key_arn == "" || var.encryption != "stack-key" || var.bucket != ""
      error_message = "key_arn requires encryption given-key."
    }
    precondition {
      condition     = (var.lock_mode == "none") == (var.lock_days == 0)
      error_message = "lock_mode and lock_days require each other."
    }
    precondition {
      condition     = var.expire_days == 0 || var.expire_days >= 30
      error_message = "expire_days must be 0, or at least 30: deleted values cannot be restored."
    }
    precondition {
      condition     = var.replica_bucket != "" || var.replica_account == "" && var.replica_key_arn == ""
      error_message = "replica_account and replica_key_arn require replica_bucket."
    }
    precondition {
      condition     = var.replica_bucket == "" || (var.encryption == "s3") == (var.replica_key_arn == "")
      error_message = "replica_bucket requires replica_key_arn, but not with encryption s3."
    }
    precondition {
      condition     = var.bucket == "" || var.lock_mode == "none" && var.expire_days == 0 && var.index_expire_days == 90 && var.access_log_bucket == "" && var.replica_bucket == ""
      error_message = "The configuration of bucket is not changed: omit lock_mode, expire_days, index_expire_days, access_log_bucket and replica_bucket."
    }
    precondition {
      condition     = (length(var.subnet) == 0) == (length(var.security_group) == 0)
      error_message = "subnet and security_group require each other."
    }
    precondition {
      condition     = var.topic_arn == "" || var.email == ""
      error_message = "topic_arn and email cannot be combined: subscribe the address to the topic."
    }
    precondition {
      condition     = var.topic_key_arn == "" || var.email != ""
      error_message = "topic_key_arn requires email, whose topic it encrypts."
    }
    precondition {
      condition     = var.ssm_rate > var.concurrency
      error_message = "ssm_rate must be greater than concurrency: one read per second for each recorder and the reconciler."
    }
  }
}

locals {
  zip = try([for z in var.code.Zips : z if z.Architecture == var.architecture][0], null)
}
