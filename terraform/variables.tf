# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.

variable "name" {
  type        = string
  default     = "ssmbak"
  description = "name of the stack"
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
  description = "what ssmbak-stack publish --output json prints"
}

variable "iam_role_arn" {
  type        = string
  default     = null
  description = "role with which CloudFormation changes the stack (default: the caller)"
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "tags of the stack, which CloudFormation adds to its resources"
}

variable "sign_since" {
  type        = string
  default     = ""
  description = "time from which the archive is signed, such as 2024-06-13T20:10:54Z; required if sign is on"
}

variable "bucket" {
  type        = string
  default     = ""
  description = "existing bucket for the archive, instead of a new one that belongs to the stack"
}

variable "pointer" {
  type        = string
  default     = "/newvoll/ssmbak/bucketname"
  description = "parameter that holds the bucket's name for ssmbak, or '' for none; only one stack per region can have it"
}

variable "encryption" {
  type        = string
  default     = "stack-key"
  description = "encryption of the values: stack-key, given-key (see --key-arn), or s3, which shows the MD5 of values to those who may list the bucket"
  validation {
    condition     = contains(["given-key", "s3", "stack-key"], var.encryption)
    error_message = "Must be one of given-key, s3, stack-key."
  }
}

variable "key_arn" {
  type        = string
  default     = ""
  description = "ARN of the KMS key for --encryption given-key"
}

variable "value_header" {
  type        = string
  default     = "none"
  description = "encryption header of values, for policies that require or forbid one: none, aes256, or kms with the archive's key"
  validation {
    condition     = contains(["aes256", "kms", "none"], var.value_header)
    error_message = "Must be one of aes256, kms, none."
  }
}

variable "index_header" {
  type        = string
  default     = "aes256"
  description = "encryption header of all other objects, such as indexes: none, aes256, or kms with the archive's key"
  validation {
    condition     = contains(["aes256", "kms", "none"], var.index_header)
    error_message = "Must be one of aes256, kms, none."
  }
}

variable "admin" {
  type        = list(string)
  description = "ARN or pattern of a principal that may change the bucket, its policy and the functions' code, in addition to the root user"
}

variable "reader" {
  type        = list(string)
  default     = []
  description = "ARN or pattern of a principal that may read recorded values, if its own policies allow it; admins and restorers may, too"
}

variable "restorer" {
  type        = list(string)
  default     = []
  description = "ARN or pattern of a principal that may restore, if its own policies allow it; admins may, too"
}

variable "marker" {
  type        = list(string)
  default     = []
  description = "ARN or pattern of a principal that may write only marks, if its own policies allow it"
}

variable "decrypt_by" {
  type        = list(string)
  default     = []
  description = "ARN or pattern of a principal that may decrypt the archive with the stack's key, if its own policies allow it (default: admins, readers and restorers)"
}

variable "sign" {
  type        = string
  default     = "off"
  description = "sign the indexes with a KMS key that only the functions, restorers and admins may use, for readers with the public key: on or off"
  validation {
    condition     = contains(["off", "on"], var.sign)
    error_message = "Must be one of off, on."
  }
}

variable "lock_mode" {
  type        = string
  default     = "none"
  description = "Object Lock mode of the stack's bucket: none, governance, or compliance, in which no one can delete an object version before its retention ends"
  validation {
    condition     = contains(["compliance", "governance", "none"], var.lock_mode)
    error_message = "Must be one of compliance, governance, none."
  }
}

variable "lock_days" {
  type        = number
  default     = 0
  description = "retention period of Object Lock in days"
}

variable "expire_days" {
  type        = number
  default     = 0
  description = "days after which noncurrent values are deleted; 0 for never"
}

variable "index_expire_days" {
  type        = number
  default     = 90
  description = "days after which noncurrent indexes are deleted"
}

variable "replica_bucket" {
  type        = string
  default     = ""
  description = "bucket of another account or region to which S3 replicates the archive, made with the template that replica-template prints"
}

variable "replica_account" {
  type        = string
  default     = ""
  description = "account that owns the bucket of --replica-bucket, if it is another one"
}

variable "replica_key_arn" {
  type        = string
  default     = ""
  description = "ARN of the KMS key that encrypts the values in --replica-bucket, in its region; needed unless --encryption is s3"
}

variable "exclude" {
  type        = list(string)
  default     = []
  description = "pattern of parameters to exclude from recording, such as /ci/** or tmp-*"
}

variable "architecture" {
  type        = string
  default     = "arm64"
  description = "architecture of the functions: arm64 or x86_64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Must be one of arm64, x86_64."
  }
}

variable "memory" {
  type        = number
  default     = 256
  description = "memory of the recorder in MB"
}

variable "timeout" {
  type        = number
  default     = 60
  description = "timeout of the recorder for one batch, in seconds"
}

variable "concurrency" {
  type        = number
  default     = 2
  description = "maximum number of concurrent recorders"
}

variable "ssm_rate" {
  type        = number
  default     = 10
  description = "maximum number of reads of Parameter Store per second by all functions"
}

variable "reconcile_memory" {
  type        = number
  default     = 512
  description = "memory of the reconciler in MB"
}

variable "reconcile_timeout" {
  type        = number
  default     = 900
  description = "timeout of one reconcile, in seconds; the next one continues where it stopped"
}

variable "schedule" {
  type        = string
  default     = "rate(1 hour)"
  description = "when to reconcile, as a schedule expression of EventBridge"
}

variable "verify" {
  type        = string
  default     = "off"
  description = "when to verify the archive, such as 'rate(1 day)', by a function that may read all recorded values, or off"
}

variable "verify_sample" {
  type        = number
  default     = 100
  description = "share of the parameters that one verification verifies, such as 10%; the next one continues with those that follow"
}

variable "who" {
  type        = string
  default     = "off"
  description = "record who deleted a parameter or changed its tags and labels, from CloudTrail: on or off; requires a trail with management events"
  validation {
    condition     = contains(["off", "on"], var.who)
    error_message = "Must be one of off, on."
  }
}

variable "log_level" {
  type        = string
  default     = "info"
  description = "log level of the functions: debug, info, warn or error"
  validation {
    condition     = contains(["debug", "error", "info", "warn"], var.log_level)
    error_message = "Must be one of debug, error, info, warn."
  }
}

variable "log_days" {
  type        = number
  default     = 90
  description = "retention period of the logs in days"
}

variable "alarm_age" {
  type        = number
  default     = 900
  description = "alarm if a change waits longer than this to be recorded, in seconds"
}

variable "alarm_dead_letters" {
  type        = number
  default     = 0
  description = "alarm if there are more dead letters than this"
}

variable "alarm_errors" {
  type        = number
  default     = 0
  description = "alarm if the recorder fails more often than this in five minutes, or repeatedly returns more changes than this to the queue"
}

variable "missed_hours" {
  type        = number
  default     = 3
  description = "alarm if no reconcile was complete, or none ended, for this many hours"
}

variable "topic_arn" {
  type        = string
  default     = ""
  description = "SNS topic that receives the alarms"
}

variable "email" {
  type        = string
  default     = ""
  description = "email address that receives the alarms, through an SNS topic of the stack"
}

variable "permissions_boundary" {
  type        = string
  default     = ""
  description = "ARN of the policy that limits the permissions of the stack's roles"
}

variable "role_path" {
  type        = string
  default     = "/"
  description = "path of the stack's roles and policies"
}

variable "log_key_arn" {
  type        = string
  default     = ""
  description = "ARN of the KMS key that encrypts the logs"
}

variable "queue_key_arn" {
  type        = string
  default     = ""
  description = "ARN of the KMS key that encrypts the queues, and that EventBridge may use"
}

variable "topic_key_arn" {
  type        = string
  default     = ""
  description = "ARN of the KMS key that encrypts the topic of --email, and that CloudWatch may use"
}

variable "access_log_bucket" {
  type        = string
  default     = ""
  description = "bucket that receives the access logs of the stack's bucket"
}

variable "subnet" {
  type        = list(string)
  default     = []
  description = "ID of a subnet in which the functions run, and which reaches S3, Systems Manager and KMS"
}

variable "security_group" {
  type        = list(string)
  default     = []
  description = "ID of a security group of the functions in --subnet"
}
