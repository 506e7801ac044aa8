# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.
locals {
  parameters = {
    AccessLogBucket     = var.access_log_bucket
    AdminArns           = join(",", var.admin)
    AlarmAge            = tostring(var.alarm_age)
    AlarmDeadLetters    = tostring(var.alarm_dead_letters)
    AlarmErrors         = tostring(var.alarm_errors)
    Architecture        = { "arm64" = "arm64", "x86_64" = "x86_64" }[var.architecture]
    BucketName          = var.bucket
    CodeBucket          = var.code.Bucket
    CodeBucketPrefix    = ""
    CodeKey             = local.zip.Key
    CodeSha256          = local.zip.Sha256
    CodeVersion         = local.zip.ObjectVersion
    Concurrency         = tostring(var.concurrency)
    DecryptArns         = join(",", var.decrypt_by)
    Email               = var.email
    Encryption          = { "given-key" = "GivenKey", "s3" = "S3", "stack-key" = "StackKey" }[var.encryption]
    Exclude             = join(",", var.exclude)
    ExpireDays          = tostring(var.expire_days)
    IndexExpireDays     = tostring(var.index_expire_days)
    IndexHeader         = { "aes256" = "AES256", "kms" = "aws:kms", "none" = "none" }[var.index_header]
    KeyArn              = var.key_arn
    LockDays            = tostring(var.lock_days)
    LockMode            = { "compliance" = "COMPLIANCE", "governance" = "GOVERNANCE", "none" = "NONE" }[var.lock_mode]
    LogDays             = tostring(var.log_days)
    LogKeyArn           = var.log_key_arn
    LogLevel            = { "debug" = "DEBUG", "error" = "ERROR", "info" = "INFO", "warn" = "WARN" }[var.log_level]
    MarkerArns          = join(",", var.marker)
    Memory              = tostring(var.memory)
    MissedHours         = tostring(var.missed_hours)
    PermissionsBoundary = var.permissions_boundary
    PointerName         = var.pointer
    QueueKeyArn         = var.queue_key_arn
    ReaderArns          = join(",", var.reader)
    ReconcileMemory     = tostring(var.reconcile_memory)
    ReconcileTimeout    = tostring(var.reconcile_timeout)
    ReplicaAccount      = var.replica_account
    ReplicaBucket       = var.replica_bucket
    ReplicaKeyArn       = var.replica_key_arn
    RestorerArns        = join(",", var.restorer)
    RolePath            = var.role_path
    Schedule            = var.schedule
    SecurityGroupIds    = join(",", var.security_group)
    Sign                = { "off" = "DISABLED", "on" = "ENABLED" }[var.sign]
    SignSince           = var.sign_since
    SsmRate             = tostring(var.ssm_rate)
    SubnetIds           = join(",", var.subnet)
    Timeout             = tostring(var.timeout)
    TopicArn            = var.topic_arn
    TopicKeyArn         = var.topic_key_arn
    ValueHeader         = { "aes256" = "AES256", "kms" = "aws:kms", "none" = "none" }[var.value_header]
    Verify              = var.verify
    VerifyHours         = tostring(max(72, 3 * ceil(100 / var.verify_sample) * (var.verify == "off" ? 24 : tonumber(regexall("[0-9]+", var.verify)[0]) * (length(regexall("day", var.verify)) > 0 ? 24 : 1))))
    VerifyMissed        = tostring(min(168, max(3, 3 * (var.verify == "off" ? 24 : tonumber(regexall("[0-9]+", var.verify)[0]) * (length(regexall("day", var.verify)) > 0 ? 24 : 1)))))
    VerifyShare         = tostring(var.verify_sample)
    Version             = var.code.Version
    Visibility          = tostring(ceil(var.timeout / 10) * 60)
    Who                 = { "off" = "DISABLED", "on" = "ENABLED" }[var.who]
  }
}
