# Generated from the settings of ssmbak-stack: see CONTRIBUTING.md.
locals {
  parameters = {
    AdminArns        = join(",", var.admin)
    AlarmAge         = tostring(var.alarm_age)
    AlarmDeadLetters = tostring(var.alarm_dead_letters)
    AlarmErrors      = tostring(var.alarm_errors)
    Architecture     = { "arm64" = "arm64", "x86_64" = "x86_64" }[var.architecture]
    BucketName       = var.bucket
    CodeBucket       = var.code.Bucket
    CodeBucketPrefix = ""
    CodeKey          = local.zip.Key
    CodeSha256       = local.zip.Sha256
    CodeVersion      = local.zip.ObjectVersion
    Concurrency      = tostring(var.concurrency)
    DecryptArns      = join(",", var.decrypt_by)
    Email            = var.email
    Encryption       = { "given-key" = "GivenKey", "s3" = "S3", "stack-key" = "StackKey" }[var.encryption]
    Exclude          = join(",", var.exclude)
    ExpireDays       = tostring(var.expire_days)
    IndexExpireDays  = tostring(var.index_expire_days)
    IndexHeader      = { "aes256" = "AES256", "kms" = "aws:kms", "none" = "none" }[var.index_header]
    KeyArn           = var.key_arn
    LockDays         = tostring(var.lock_days)
    LockMode         = { "compliance" = "COMPLIANCE", "governance" = "GOVERNANCE", "none" = "NONE" }[var.lock_mode]
    LogDays          = tostring(var.log_days)
    LogLevel         = { "debug" = "DEBUG", "error" = "ERROR", "info" = "INFO", "warn" = "WARN" }[var.log_level]
    MarkerArns       = join(",", var.marker)
    Memory           = tostring(var.memory)
    MissedHours      = tostring(var.missed_hours)
    PointerName      = var.pointer
    ReaderArns       = join(",", var.reader)
    ReconcileMemory  = tostring(var.reconcile_memory)
    ReconcileTimeout = tostring(var.reconcile_timeout)
    RestorerArns     = join(",", var.restorer)
    Schedule         = var.schedule
    Sign             = { "off" = "DISABLED", "on" = "ENABLED" }[var.sign]
    SignSince        = var.sign_since
    SsmRate          = tostring(var.ssm_rate)
    Timeout          = tostring(var.timeout)
    TopicArn         = var.topic_arn
    ValueHeader      = { "aes256" = "AES256", "kms" = "aws:kms", "none" = "none" }[var.value_header]
    Verify           = var.verify
    VerifyHours      = tostring(max(72, 3 * ceil(100 / var.verify_sample) * (var.verify == "off" ? 24 : tonumber(regexall("[0-9]+", var.verify)[0]) * (length(regexall("day", var.verify)) > 0 ? 24 : 1))))
    VerifyMissed     = tostring(min(168, max(3, 3 * (var.verify == "off" ? 24 : tonumber(regexall("[0-9]+", var.verify)[0]) * (length(regexall("day", var.verify)) > 0 ? 24 : 1)))))
    VerifyShare      = tostring(var.verify_sample)
    Version          = var.code.Version
    Visibility       = tostring(ceil(var.timeout / 10) * 60)
    Who              = { "off" = "DISABLED", "on" = "ENABLED" }[var.who]
  }
}
