package stack

import _ "embed"

// template is the CloudFormation template. CloudFormation accepts no more than 51,200 bytes
// in a request, so notes on its parts are here:
//
//   - The key's policy allows the functions to decrypt only if IndexHeader is aws:kms: then
//     it encrypts their indexes. Their roles are identified by name, since they depend on
//     the key.
//   - Admins may send messages to the queues, since moving dead letters back requires it.
//     https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
//   - A message is delivered every six minutes until it becomes a dead letter after an hour.
//     The next reconcile records what it announced.
//   - TrailRule needs a trail that logs management events. EventBridge gets no records of
//     requests that only read.
//     https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
//   - Both functions may read parameters and add to the archive. Neither may read value
//     objects, delete object versions or write the code.
//   - Without ec2:DescribeImages, AWS accepts the write of an aws:ec2:image parameter but
//     does not store it.
//   - Alarms on the functions' own metrics: a message that fails is delivered again after
//     Visibility. A reconcile measures everything, so that its last numbers hold until the
//     next one.
//
//go:embed template.yaml
var template string

// Template returns the CloudFormation template.
func Template() string { return template }
