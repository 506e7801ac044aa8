output "bucket_name" {
  description = "The bucket with the archive"
  value       = aws_cloudformation_stack.this.outputs["BucketName"]
}

output "lambda_name" {
  description = "The function that records changes"
  value       = aws_cloudformation_stack.this.outputs["LambdaName"]
}

output "reader_policy_arn" {
  description = "Policy to attach to readers, for preview, get, diff and log"
  value       = aws_cloudformation_stack.this.outputs["ReaderPolicyArn"]
}

output "restorer_policy_arn" {
  description = "Policy to attach to restorers, in addition to that of readers, for restore, undo and reconcile"
  value       = aws_cloudformation_stack.this.outputs["RestorerPolicyArn"]
}

output "outputs" {
  description = "All outputs of the stack"
  value       = aws_cloudformation_stack.this.outputs
}
