# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.

variable "name" {
  type        = string
  nullable    = false
  default     = "ssmbak"
  description = "name of the stack"
  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,49}$", var.name))
    error_message = "Must be a letter followed by letters, digits and hyphens, at most 50 characters."
  }
}

variable "code" {
  type = object({
    Version     = string
    Bucket      = string
    TemplateUrl = string
    Zips = list(object({
      Architecture  = string
      Key           = string
      ObjectVersion = string
      Sha256        = string
    }))
  })
  nullable    = false
  description = "what ssmbak-stack publish --output json prints"
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "role with which CloudFormation changes the stack (default: the caller)"
}

variable "tags" {
  type        = map(string)
  nullable    = false
  default     = {}
  description = "tags of the stack, which CloudFormation adds to its resources"
}

variable "sign_since" {
  type        = string
  nullable    = false
  default     = ""
  description = "time from which the archive is signed, such as 2024-06-13T20:10:54Z; required if sign is on"
  validation {
    condition     = var.sign_since == "" || can(formatdate("YYYY", var.sign_since))
    error_message = "Must be a time such as 2024-06-13T20:10:54Z."
  }
}

variable "bucket" {
  type        = string
  nullable    = false
  default     = ""
  description = "existing bucket for the archive, instead of a new one that belongs to the stack"
  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "Must be the name of a bucket."
  }
}

variable "pointer" {
  type        = string
  nullable    = false
  default     = "/newvoll/ssmbak/bucketname"
  description = "parameter that holds the bucket's name for ssmbak, or '' for none; only one stack per region can have it"
  validation {
    condition     = can(regex("^$|^/[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$", var.pointer))
    error_message = "Must be the name of a parameter, such as /backup/bucketname."
  }
}

variable "encryption" {
  type        = string
  nullable    = false
  default     = "stack-key"
  description = "encryption of the values: stack-key, given-key (see key_arn), or s3, which shows the MD5 of values to those who may list the bucket"
  validation {
    condition     = contains(["given-key", "s3", "stack-key"], var.encryption)
    error_message = "Must be one of given-key, s3, stack-key."
  }
}

variable "key_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the KMS key for encryption given-key"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.key_arn))
    error_message = "Must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias."
  }
}

variable "value_header" {
  type        = string
  nullable    = false
  default     = "none"
  description = "encryption header of values, for policies that require or forbid one: none, aes256, or kms with the archive's key"
  validation {
    condition     = contains(["aes256", "kms", "none"], var.value_header)
    error_message = "Must be one of aes256, kms, none."
  }
}

variable "index_header" {
  type        = string
  nullable    = false
  default     = "aes256"
  description = "encryption header of all other objects, such as indexes: none, aes256, or kms with the archive's key"
  validation {
    condition     = contains(["aes256", "kms", "none"], var.index_header)
    error_message = "Must be one of aes256, kms, none."
  }
}

variable "admin" {
  type        = list(string)
  nullable    = false
  description = "ARN or pattern of a principal that may change the bucket, its policy and the functions' code, in addition to the root user"
}

variable "reader" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ARN or pattern of a principal that may read recorded values, if its own policies allow it; admins and restorers may, too"
}

variable "restorer" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ARN or pattern of a principal that may restore, if its own policies allow it; admins may, too"
}

variable "marker" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ARN or pattern of a principal that may write only marks, if its own policies allow it"
}

variable "decrypt_by" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ARN or pattern of a principal that may decrypt the archive with the stack's key, if its own policies allow it (default: admins, readers and restorers)"
}

variable "sign" {
  type        = string
  nullable    = false
  default     = "off"
  description = "sign the indexes with a KMS key that only the functions, restorers and admins may use, for readers with the public key: on or off"
  validation {
    condition     = contains(["off", "on"], var.sign)
    error_message = "Must be one of off, on."
  }
}

variable "lock_mode" {
  type        = string
  nullable    = false
  default     = "none"
  description = "Object Lock mode of the stack's bucket: none, governance, or compliance, in which no one can delete an object version before its retention ends"
  validation {
    condition     = contains(["compliance", "governance", "none"], var.lock_mode)
    error_message = "Must be one of compliance, governance, none."
  }
}

variable "lock_days" {
  type        = number
  nullable    = false
  default     = 0
  description = "retention period of Object Lock in days"
  validation {
    condition     = var.lock_days >= 0 && var.lock_days <= 36500 && floor(var.lock_days) == var.lock_days
    error_message = "Must be an integer from 0 to 36500."
  }
}

variable "expire_days" {
  type        = number
  nullable    = false
  default     = 0
  description = "days after which noncurrent values are deleted; 0 for never"
  validation {
    condition     = var.expire_days >= 0 && var.expire_days <= 36500 && floor(var.expire_days) == var.expire_days
    error_message = "Must be 0, or an integer from 30 to 36500: deleted values cannot be restored."
  }
}

variable "index_expire_days" {
  type        = number
  nullable    = false
  default     = 90
  description = "days after which noncurrent indexes are deleted"
  validation {
    condition     = var.index_expire_days >= 7 && var.index_expire_days <= 36500 && floor(var.index_expire_days) == var.index_expire_days
    error_message = "Must be an integer from 7 to 36500."
  }
}

variable "replica_bucket" {
  type        = string
  nullable    = false
  default     = ""
  description = "bucket of another account or region to which S3 replicates the archive, made with the template that replica-template prints"
  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.replica_bucket))
    error_message = "Must be the name of a bucket."
  }
}

variable "replica_account" {
  type        = string
  nullable    = false
  default     = ""
  description = "account that owns the bucket of replica_bucket, if it is another one"
  validation {
    condition     = can(regex("^$|^[0-9]{12}$", var.replica_account))
    error_message = "Must be the 12 digits of an account."
  }
}

variable "replica_key_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the KMS key that encrypts the values in replica_bucket, in its region; needed unless encryption is s3"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.replica_key_arn))
    error_message = "Must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias."
  }
}

variable "exclude" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "pattern of parameters to exclude from recording, such as /ci/** or tmp-*"
}

variable "architecture" {
  type        = string
  nullable    = false
  default     = "arm64"
  description = "architecture of the functions: arm64 or x86_64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Must be one of arm64, x86_64."
  }
}

variable "memory" {
  type        = number
  nullable    = false
  default     = 256
  description = "memory of the recorder in MB"
  validation {
    condition     = var.memory >= 128 && var.memory <= 10240 && floor(var.memory) == var.memory
    error_message = "Must be an integer from 128 to 10240."
  }
}

variable "timeout" {
  type        = number
  nullable    = false
  default     = 60
  description = "timeout of the recorder for one batch, in seconds"
  validation {
    condition     = var.timeout >= 10 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "Must be an integer from 10 to 900."
  }
}

variable "concurrency" {
  type        = number
  nullable    = false
  default     = 2
  description = "maximum number of concurrent recorders"
  validation {
    condition     = var.concurrency >= 2 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "Must be an integer from 2 to 1000."
  }
}

variable "ssm_rate" {
  type        = number
  nullable    = false
  default     = 10
  description = "maximum number of reads of Parameter Store per second by all functions"
  validation {
    condition     = var.ssm_rate >= 1 && var.ssm_rate <= 10000 && floor(var.ssm_rate) == var.ssm_rate
    error_message = "Must be an integer from 1 to 10000."
  }
}

variable "reconcile_memory" {
  type        = number
  nullable    = false
  default     = 512
  description = "memory of the reconciler in MB"
  validation {
    condition     = var.reconcile_memory >= 128 && var.reconcile_memory <= 10240 && floor(var.reconcile_memory) == var.reconcile_memory
    error_message = "Must be an integer from 128 to 10240."
  }
}

variable "reconcile_timeout" {
  type        = number
  nullable    = false
  default     = 900
  description = "timeout of one reconcile, in seconds; the next one continues where it stopped"
  validation {
    condition     = var.reconcile_timeout >= 60 && var.reconcile_timeout <= 900 && floor(var.reconcile_timeout) == var.reconcile_timeout
    error_message = "Must be an integer from 60 to 900."
  }
}

variable "schedule" {
  type        = string
  nullable    = false
  default     = "rate(1 hour)"
  description = "when to reconcile, as a schedule expression of EventBridge"
  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.schedule))
    error_message = "Must be rate(1 hour) or cron(0 * * * ? *)."
  }
}

variable "verify" {
  type        = string
  nullable    = false
  default     = "off"
  description = "when to verify the archive, such as 'rate(1 day)', by a function that may read all recorded values, or off"
  validation {
    condition     = can(regex("^off$|^rate\\([1-9][0-9]? (hours?|days?)\\)$", var.verify))
    error_message = "Must be off, or a rate from 'rate(1 hour)' to 'rate(3 days)'."
  }
}

variable "verify_sample" {
  type        = number
  nullable    = false
  default     = 100
  description = "share of the parameters that one verification verifies, such as 10 percent; the next one continues with those that follow"
  validation {
    condition     = var.verify_sample >= 1 && var.verify_sample <= 100 && floor(var.verify_sample) == var.verify_sample
    error_message = "Must be an integer from 1 to 100."
  }
}

variable "who" {
  type        = string
  nullable    = false
  default     = "off"
  description = "record who deleted a parameter or changed its tags and labels, from CloudTrail: on or off; requires a trail with management events"
  validation {
    condition     = contains(["off", "on"], var.who)
    error_message = "Must be one of off, on."
  }
}

variable "log_level" {
  type        = string
  nullable    = false
  default     = "info"
  description = "log level of the functions: debug, info, warn or error"
  validation {
    condition     = contains(["debug", "error", "info", "warn"], var.log_level)
    error_message = "Must be one of debug, error, info, warn."
  }
}

variable "log_days" {
  type        = number
  nullable    = false
  default     = 90
  description = "retention period of the logs in days"
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "Must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "alarm_age" {
  type        = number
  nullable    = false
  default     = 900
  description = "alarm if a change waits longer than this to be recorded, in seconds"
  validation {
    condition     = var.alarm_age >= 60 && floor(var.alarm_age) == var.alarm_age
    error_message = "Must be an integer of at least 60."
  }
}

variable "alarm_dead_letters" {
  type        = number
  nullable    = false
  default     = 0
  description = "alarm if there are more dead letters than this"
  validation {
    condition     = var.alarm_dead_letters >= 0 && floor(var.alarm_dead_letters) == var.alarm_dead_letters
    error_message = "Must be an integer of at least 0."
  }
}

variable "alarm_errors" {
  type        = number
  nullable    = false
  default     = 0
  description = "alarm if the recorder fails more often than this in five minutes, or repeatedly returns more changes than this to the queue"
  validation {
    condition     = var.alarm_errors >= 0 && floor(var.alarm_errors) == var.alarm_errors
    error_message = "Must be an integer of at least 0."
  }
}

variable "missed_hours" {
  type        = number
  nullable    = false
  default     = 3
  description = "alarm if no reconcile was complete, or none ended, for this many hours"
  validation {
    condition     = var.missed_hours >= 1 && var.missed_hours <= 168 && floor(var.missed_hours) == var.missed_hours
    error_message = "Must be an integer from 1 to 168."
  }
}

variable "topic_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "SNS topic that receives the alarms"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+$", var.topic_arn))
    error_message = "Must be the ARN of an SNS topic."
  }
}

variable "email" {
  type        = string
  nullable    = false
  default     = ""
  description = "email address that receives the alarms, through an SNS topic of the stack"
  validation {
    condition     = can(regex("^$|^[^@ ]+@[^@ ]+$", var.email))
    error_message = "Must be an email address."
  }
}

variable "permissions_boundary" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the policy that limits the permissions of the stack's roles"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary))
    error_message = "Must be the ARN of a policy."
  }
}

variable "role_path" {
  type        = string
  nullable    = false
  default     = "/"
  description = "path of the stack's roles and policies"
  validation {
    condition     = can(regex("^/([!-~]{1,510}/)?$", var.role_path))
    error_message = "Must be a path such as /ssmbak/."
  }
}

variable "log_key_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the KMS key that encrypts the logs"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.log_key_arn))
    error_message = "Must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias."
  }
}

variable "queue_key_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the KMS key that encrypts the queues, and that EventBridge may use"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.queue_key_arn))
    error_message = "Must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias."
  }
}

variable "topic_key_arn" {
  type        = string
  nullable    = false
  default     = ""
  description = "ARN of the KMS key that encrypts the topic of email, and that CloudWatch may use"
  validation {
    condition     = can(regex("^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.topic_key_arn))
    error_message = "Must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias."
  }
}

variable "access_log_bucket" {
  type        = string
  nullable    = false
  default     = ""
  description = "bucket that receives the access logs of the stack's bucket"
  validation {
    condition     = can(regex("^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "Must be the name of a bucket."
  }
}

variable "subnet" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ID of a subnet in which the functions run, and which reaches S3, Systems Manager and KMS"
  validation {
    condition     = can(regex("^$|^subnet-[0-9a-f]+(,subnet-[0-9a-f]+)*$", join(",", var.subnet)))
    error_message = "Must be the ID of a subnet."
  }
}

variable "security_group" {
  type        = list(string)
  nullable    = false
  default     = []
  description = "ID of a security group of the functions in subnet"
  validation {
    condition     = can(regex("^$|^sg-[0-9a-f]+(,sg-[0-9a-f]+)*$", join(",", var.security_group)))
    error_message = "Must be the ID of a security group."
  }
}
