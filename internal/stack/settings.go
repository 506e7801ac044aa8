package stack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ssmbak/ssmbak/pattern"
)

// DefaultPointer is the parameter in which ssmbak looks up the name of the bucket. It is
// that of the legacy ssmbak: AWS allows no name that begins with ssm.
const DefaultPointer = "/newvoll/ssmbak/bucketname"

// Parameters of the template that are set by ssmbak-stack itself.
const (
	parameterVersion     = "Version"
	parameterVisibility  = "Visibility"
	parameterSignSince   = "SignSince"
	parameterVerifyHours = "VerifyHours"
	parameterVerifyMiss  = "VerifyMissed"
)

// Parameters of the template that this package reads.
const (
	parameterCodeBucket   = "CodeBucket"
	parameterCodePrefix   = "CodeBucketPrefix"
	parameterCodeKey      = "CodeKey"
	parameterCodeVersion  = "CodeVersion"
	parameterCodeSHA256   = "CodeSha256"
	parameterArchitecture = "Architecture"
	parameterBucketName   = "BucketName"
	parameterPointerName  = "PointerName"
	parameterEncryption   = "Encryption"
	parameterKeyArn       = "KeyArn"
	parameterAdminArns    = "AdminArns"
	parameterReaderArns   = "ReaderArns"
	parameterRestorerArns = "RestorerArns"
	parameterMarkerArns   = "MarkerArns"
	parameterDecryptArns  = "DecryptArns"
	parameterValueHeader  = "ValueHeader"
	parameterIndexHeader  = "IndexHeader"
	parameterSign         = "Sign"
	parameterTimeout      = "Timeout"
	parameterConcurrency  = "Concurrency"
	parameterExclude      = "Exclude"
	parameterRate         = "SsmRate"
	parameterSubnets      = "SubnetIds"
	parameterGroups       = "SecurityGroupIds"
	parameterReplica      = "ReplicaBucket"
	parameterReplicaOwner = "ReplicaAccount"
	parameterReplicaKey   = "ReplicaKeyArn"
	parameterVerify       = "Verify"
	parameterVerifyShare  = "VerifyShare"
	parameterEmail        = "Email"
	parameterTopicKey     = "TopicKeyArn"
)

// Setting is a parameter of the template that the user can set.
type Setting struct {
	Name      string // of the flag, without dashes
	Parameter string // name of the template's parameter
	Default   string // in the flag's form; may be ""
	Help      string
	Group     string // one of [Groups]
	List      bool   // whether the flag can be repeated
	// suffix may follow a value, such as a percent sign.
	suffix string
	// choices maps the allowed values of the flag to those of the parameter.
	choices map[string]string
	// check returns what is wrong with a value, or "".
	check func(value string) (why string)
}

// Choices returns the values that the setting can have, sorted, or nil if they are not
// listed.
func (s Setting) Choices() []string { return slices.Sorted(maps.Keys(s.choices)) }

// Groups are the headings of the settings in the help, in order.
var Groups = []string{"The archive", "The recorder", "Alarms", "Rules of the organization", "The code of the functions"}

// form returns a function that compiles an expression when it is called first: a command checks
// few settings.
func form(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

var (
	arn     = form(`^arn:[a-z-]+:iam::([0-9]{12}|\*):[^,\s]+$`)
	keyARN  = form(`^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+)?$`)
	topic   = form(`^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+)?$`)
	bucket  = form(`^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$`)
	pointer = form(`^(/[a-zA-Z0-9_.-]+)*$`)
	rate    = form(`^(rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\)|cron\(\S+( \S+){5}\))$`)
	address = form(`^([^@ ]+@[^@ ]+)?$`)
	policy  = form(`^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[^,\s]+)?$`)
	rolesAt = form(`^/([!-~]{1,510}/)?$`)
	subnet  = form(`^subnet-[0-9a-f]+$`)
	group   = form(`^sg-[0-9a-f]+$`)
	account = form(`^([0-9]{12})?$`)
	prefix  = form(`^([a-z0-9][a-z0-9.-]{1,40})?$`)
	digest  = form(`^([0-9a-fA-F]{64})?$`)
)

// principal describes a value of a condition on aws:PrincipalArn.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
const principal = "the ARN of a user or role, such as arn:aws:iam::123456789012:role/NAME, or a pattern for it; not the ARN of a session"

// keyForm describes the value of a setting that is a key.
const keyForm = "the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; not of an alias"

// headers are the choices of encryption headers.
var headers = map[string]string{"none": "none", "aes256": "AES256", "kms": headerKMS}

// logDays are the retention periods that CloudWatch Logs supports.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var logDays = []string{"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096", "1827", "2192", "2557", "2922", "3288", "3653"}

// Settings returns all settings, in the order of the help.
func Settings() []Setting {
	return []Setting{
		{
			Name: "bucket", Parameter: parameterBucketName, Group: "The archive", Help: "existing bucket for the archive, instead of a new one that belongs to the stack",
			check: like(bucket, "the name of a bucket"),
		},
		{
			Name: "pointer", Parameter: parameterPointerName, Default: DefaultPointer, Group: "The archive",
			Help: "parameter that holds the bucket's name for ssmbak, or '' for none; only one stack per region can have it", check: checkPointerName,
		},
		{
			Name: "encryption", Parameter: parameterEncryption, Default: "stack-key", Group: "The archive",
			Help:    "encryption of the values: stack-key, given-key (see --key-arn), or s3, which shows the MD5 of values to those who may list the bucket",
			choices: map[string]string{"stack-key": "StackKey", "given-key": "GivenKey", "s3": "S3"},
		},
		{Name: "key-arn", Parameter: parameterKeyArn, Group: "The archive", Help: "ARN of the KMS key for --encryption given-key", check: like(keyARN, keyForm)},
		{
			Name: "value-header", Parameter: parameterValueHeader, Default: "none", Group: "The archive",
			Help:    "encryption header of values, for policies that require or forbid one: none, aes256, or kms with the archive's key",
			choices: headers,
		},
		{
			Name: "index-header", Parameter: parameterIndexHeader, Default: "aes256", Group: "The archive",
			Help:    "encryption header of all other objects, such as indexes: none, aes256, or kms with the archive's key",
			choices: headers,
		},
		{
			Name: "admin", Parameter: parameterAdminArns, Group: "The archive", List: true,
			Help: "ARN or pattern of a principal that may change the bucket, its policy and the functions' code, in addition to the root user (default: you)", check: like(arn, principal),
		},
		{
			Name: "reader", Parameter: parameterReaderArns, Group: "The archive", List: true,
			Help: "ARN or pattern of a principal that may read recorded values, if its own policies allow it; admins and restorers may, too", check: like(arn, principal),
		},
		{
			Name: "restorer", Parameter: parameterRestorerArns, Group: "The archive", List: true,
			Help: "ARN or pattern of a principal that may restore, if its own policies allow it; admins may, too", check: like(arn, principal),
		},
		{
			Name: "marker", Parameter: parameterMarkerArns, Group: "The archive", List: true,
			Help: "ARN or pattern of a principal that may write only marks, if its own policies allow it", check: like(arn, principal),
		},
		{
			Name: "decrypt-by", Parameter: parameterDecryptArns, Group: "The archive", List: true,
			Help: "ARN or pattern of a principal that may decrypt the archive with the stack's key, if its own policies allow it (default: admins, readers and restorers)", check: like(arn, principal),
		},
		{
			Name: "sign", Parameter: parameterSign, Default: "off", Group: "The archive",
			Help:    "sign the indexes with a KMS key that only the functions, restorers and admins may use, for readers with the public key: on or off",
			choices: map[string]string{"on": signEnabled, "off": "DISABLED"},
		},
		{
			Name: "lock-mode", Parameter: "LockMode", Default: "none", Group: "The archive",
			Help:    "Object Lock mode of the stack's bucket: none, governance, or compliance, in which no one can delete an object version before its retention ends",
			choices: map[string]string{"none": "NONE", "governance": "GOVERNANCE", "compliance": "COMPLIANCE"},
		},
		{Name: "lock-days", Parameter: "LockDays", Default: "0", Group: "The archive", Help: "retention period of Object Lock in days", check: between(0, 36500)},
		{Name: "expire-days", Parameter: "ExpireDays", Default: "0", Group: "The archive", Help: "days after which noncurrent values are deleted; 0 for never", check: checkExpiry},
		{Name: "index-expire-days", Parameter: "IndexExpireDays", Default: "90", Group: "The archive", Help: "days after which noncurrent indexes are deleted", check: between(7, 36500)},
		{
			Name: "replica-bucket", Parameter: parameterReplica, Group: "The archive",
			Help:  "bucket of another account or region to which S3 replicates the archive, made with the template that replica-template prints",
			check: like(bucket, "the name of a bucket"),
		},
		{Name: "replica-account", Parameter: parameterReplicaOwner, Group: "The archive", Help: "account that owns the bucket of --replica-bucket, if it is another one", check: like(account, "the 12 digits of an account")},
		{
			Name: "replica-key-arn", Parameter: parameterReplicaKey, Group: "The archive",
			Help: "ARN of the KMS key that encrypts the values in --replica-bucket, in its region; needed unless --encryption is s3", check: like(keyARN, keyForm),
		},

		{
			Name: "exclude", Parameter: parameterExclude, Group: "The recorder", List: true,
			Help: "pattern of parameters to exclude from recording, such as /ci/** or tmp-*", check: checkExclude,
		},
		{
			Name: "architecture", Parameter: parameterArchitecture, Default: "arm64", Group: "The recorder",
			Help: "architecture of the functions: arm64 or x86_64", choices: map[string]string{"arm64": "arm64", "x86_64": "x86_64"},
		},
		{Name: "memory", Parameter: "Memory", Default: "256", Group: "The recorder", Help: "memory of the recorder in MB", check: between(128, 10240)},
		{Name: "timeout", Parameter: parameterTimeout, Default: "60", Group: "The recorder", Help: "timeout of the recorder for one batch, in seconds", check: between(10, 900)},
		{Name: "concurrency", Parameter: parameterConcurrency, Default: "2", Group: "The recorder", Help: "maximum number of concurrent recorders", check: between(2, 1000)},
		{Name: "ssm-rate", Parameter: parameterRate, Default: "10", Group: "The recorder", Help: "maximum number of reads of Parameter Store per second by all functions", check: between(1, 10000)},
		{Name: "reconcile-memory", Parameter: "ReconcileMemory", Default: "512", Group: "The recorder", Help: "memory of the reconciler in MB", check: between(128, 10240)},
		{Name: "reconcile-timeout", Parameter: "ReconcileTimeout", Default: "900", Group: "The recorder", Help: "timeout of one reconcile, in seconds; the next one continues where it stopped", check: between(60, 900)},
		{Name: "schedule", Parameter: "Schedule", Default: "rate(1 hour)", Group: "The recorder", Help: "when to reconcile, as a schedule expression of EventBridge", check: like(rate, "rate(1 hour) or cron(0 * * * ? *)")},
		{
			Name: "verify", Parameter: parameterVerify, Default: "off", Group: "The recorder",
			Help: "when to verify the archive, such as 'rate(1 day)', by a function that may read all recorded values, or off", check: checkVerify,
		},
		{
			Name: "verify-sample", Parameter: parameterVerifyShare, Default: "100", Group: "The recorder", suffix: "%",
			Help: "share of the parameters that one verification verifies, such as 10%; the next one continues with those that follow", check: between(1, 100),
		},
		{
			Name: "who", Parameter: "Who", Default: "off", Group: "The recorder",
			Help:    "record who deleted a parameter or changed its tags and labels, from CloudTrail: on or off; requires a trail with management events",
			choices: map[string]string{"on": "ENABLED", "off": "DISABLED"},
		},
		{
			Name: "log-level", Parameter: "LogLevel", Default: "info", Group: "The recorder", Help: "log level of the functions: debug, info, warn or error",
			choices: map[string]string{"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR"},
		},
		{Name: "log-days", Parameter: "LogDays", Default: "90", Group: "The recorder", Help: "retention period of the logs in days", check: oneOf(logDays)},

		{Name: "alarm-age", Parameter: "AlarmAge", Default: "900", Group: "Alarms", Help: "alarm if a change waits longer than this to be recorded, in seconds", check: between(60, 1<<31)},
		{Name: "alarm-dead-letters", Parameter: "AlarmDeadLetters", Default: "0", Group: "Alarms", Help: "alarm if there are more dead letters than this", check: between(0, 1<<31)},
		{Name: "alarm-errors", Parameter: "AlarmErrors", Default: "0", Group: "Alarms", Help: "alarm if the recorder fails more often than this in five minutes, or repeatedly returns more changes than this to the queue", check: between(0, 1<<31)},
		{Name: "missed-hours", Parameter: "MissedHours", Default: "3", Group: "Alarms", Help: "alarm if no reconcile was complete, or none ended, for this many hours", check: between(1, 168)},
		{Name: "topic-arn", Parameter: "TopicArn", Group: "Alarms", Help: "SNS topic that receives the alarms", check: like(topic, "the ARN of an SNS topic")},
		{Name: "email", Parameter: parameterEmail, Group: "Alarms", Help: "email address that receives the alarms, through an SNS topic of the stack", check: like(address, "an email address")},

		{Name: "permissions-boundary", Parameter: "PermissionsBoundary", Group: "Rules of the organization", Help: "ARN of the policy that limits the permissions of the stack's roles", check: like(policy, "the ARN of a policy")},
		{Name: "role-path", Parameter: "RolePath", Default: "/", Group: "Rules of the organization", Help: "path of the stack's roles and policies", check: like(rolesAt, "a path such as /ssmbak/")},
		{Name: "log-key-arn", Parameter: "LogKeyArn", Group: "Rules of the organization", Help: "ARN of the KMS key that encrypts the logs", check: like(keyARN, keyForm)},
		{Name: "queue-key-arn", Parameter: "QueueKeyArn", Group: "Rules of the organization", Help: "ARN of the KMS key that encrypts the queues, and that EventBridge may use", check: like(keyARN, keyForm)},
		{Name: "topic-key-arn", Parameter: parameterTopicKey, Group: "Rules of the organization", Help: "ARN of the KMS key that encrypts the topic of --email, and that CloudWatch may use", check: like(keyARN, keyForm)},
		{Name: "access-log-bucket", Parameter: "AccessLogBucket", Group: "Rules of the organization", Help: "bucket that receives the access logs of the stack's bucket", check: like(bucket, "the name of a bucket")},
		{Name: "subnet", Parameter: parameterSubnets, Group: "Rules of the organization", List: true, Help: "ID of a subnet in which the functions run, and which reaches S3, Systems Manager and KMS", check: like(subnet, "the ID of a subnet")},
		{Name: "security-group", Parameter: parameterGroups, Group: "Rules of the organization", List: true, Help: "ID of a security group of the functions in --subnet", check: like(group, "the ID of a security group")},

		{Name: "code-bucket", Parameter: parameterCodeBucket, Group: "The code of the functions", Help: "bucket in the stack's region to which ssmbak-stack publish has published the code (default: the archive's bucket, to which the command uploads it)", check: like(bucket, "the name of a bucket")},
		{Name: "code-bucket-prefix", Parameter: parameterCodePrefix, Group: "The code of the functions", Help: "name of that bucket in every region, without a hyphen and the region at its end", check: like(prefix, "the beginning of the name of a bucket")},
		{Name: "code-key", Parameter: parameterCodeKey, Group: "The code of the functions", Help: "key of the published zip"},
		{Name: "code-version", Parameter: parameterCodeVersion, Group: "The code of the functions", Help: "object version of the published zip"},
		{Name: "code-sha256", Parameter: parameterCodeSHA256, Group: "The code of the functions", Help: "SHA-256 that the zip must have, in hexadecimal digits", check: like(digest, "the SHA-256 of the zip, 64 hexadecimal digits")},
	}
}

// SettingError reports an invalid setting.
type SettingError struct{ Name, Value, Why string }

func (e *SettingError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("--%s %s", e.Name, e.Why)
	}
	return fmt.Sprintf("--%s %s: %s", e.Name, e.Value, e.Why)
}

// Values maps the names of settings to their values. Settings that are not in it keep
// their current values.
type Values map[string][]string

// parameters maps the names of the template's parameters to their values.
type parameters map[string]string

// Check checks each value separately. It makes no request. The error is a
// [*SettingError].
func (v Values) Check() error {
	_, err := v.parameters()
	return err
}

// parameters checks each value and returns the template's parameters for them.
func (v Values) parameters() (parameters, error) {
	p := make(parameters)
	for _, s := range Settings() {
		values, named := v[s.Name]
		if !named {
			continue
		}
		for i, value := range values {
			if s.List && value == "" && len(values) == 1 && s.Parameter != parameterAdminArns {
				p[s.Parameter] = s.Default
				continue
			}
			if s.List && (value == "" || several(value)) {
				return nil, &SettingError{s.Name, value, "repeat the flag for each value"}
			}
			value = strings.TrimSuffix(value, s.suffix)
			if s.choices != nil {
				choice, ok := s.choices[value]
				if !ok {
					return nil, &SettingError{s.Name, value, "must be one of " + strings.Join(slices.Sorted(maps.Keys(s.choices)), ", ")}
				}
				value = choice
			} else if s.check != nil {
				if why := s.check(value); why != "" {
					return nil, &SettingError{s.Name, value, why}
				}
			}
			if i > 0 {
				value = p[s.Parameter] + "," + value
			}
			p[s.Parameter] = value
		}
	}
	for name := range v {
		if !slices.ContainsFunc(Settings(), func(s Setting) bool { return s.Name == name }) {
			return nil, &SettingError{name, "", "is not a setting of the stack"}
		}
	}
	for of, all := range map[string][]string{parameterReplica: {parameterReplicaOwner, parameterReplicaKey}, parameterEmail: {parameterTopicKey}} {
		if value, named := p[of]; !named || value != "" {
			continue
		}
		for _, name := range all { // of no use any more
			if _, named := p[name]; !named {
				p[name] = ""
			}
		}
	}
	if key := p[parameterKeyArn]; key != "" && p[parameterEncryption] == "" && p[parameterBucketName] == "" {
		p[parameterEncryption] = "GivenKey"
	}
	return p, nil
}

// ownBucket are the parameters that configure the bucket of the stack, and no other one.
var ownBucket = map[string]bool{"LockMode": true, "ExpireDays": true, "IndexExpireDays": true, "AccessLogBucket": true}

// checkRegion returns a [*SettingError] for a key or a topic of another region, which no
// resource of the stack can use.
// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
func (p parameters) checkRegion(region string) error {
	for _, s := range Settings() {
		of := strings.Split(p[s.Parameter], ":") // arn:PARTITION:SERVICE:REGION:ACCOUNT:...
		if slices.Contains([]string{parameterKeyArn, "LogKeyArn", "QueueKeyArn", parameterTopicKey, "TopicArn"}, s.Parameter) && len(of) > 3 && of[3] != region {
			return &SettingError{s.Name, p[s.Parameter], "must be in the stack's region, " + region}
		}
	}
	return nil
}

// check checks all parameters together and sets those that are derived from others.
// The error is a [*SettingError].
func (p parameters) check() error {
	switch {
	case p[parameterEncryption] == "GivenKey" && p[parameterKeyArn] == "":
		return &SettingError{"encryption", "given-key", "name the key with --key-arn"}
	case p[parameterEncryption] == "StackKey" && p[parameterKeyArn] != "" && p[parameterBucketName] == "":
		return &SettingError{"key-arn", p[parameterKeyArn], "requires --encryption given-key"}
	case p["LockMode"] != "NONE" && p["LockDays"] == "0":
		return &SettingError{"lock-mode", strings.ToLower(p["LockMode"]), "set the retention period with --lock-days"}
	case p["LockMode"] == "NONE" && p["LockDays"] != "0":
		return &SettingError{"lock-days", p["LockDays"], "requires --lock-mode governance or compliance"}
	case p[parameterReplica] == "" && p[parameterReplicaOwner] != "":
		return &SettingError{"replica-account", p[parameterReplicaOwner], "requires --replica-bucket"}
	case p[parameterReplica] == "" && p[parameterReplicaKey] != "":
		return &SettingError{"replica-key-arn", p[parameterReplicaKey], "requires --replica-bucket"}
	case p[parameterReplica] != "" && p[parameterBucketName] != "":
		return &SettingError{"replica-bucket", p[parameterReplica], "cannot be combined with --bucket; set up replication of that bucket in S3"}
	case p[parameterReplica] != "" && p[parameterEncryption] != "S3" && p[parameterReplicaKey] == "":
		return &SettingError{"replica-bucket", p[parameterReplica], "name a KMS key in its region with --replica-key-arn; without one, S3 does not replicate values, which are encrypted with a KMS key"}
	case p[parameterEncryption] == "S3" && p[parameterReplicaKey] != "":
		return &SettingError{"replica-key-arn", p[parameterReplicaKey], "omit it with --encryption s3: the copies are encrypted as the values are"}
	case p[parameterSubnets] != "" && p[parameterGroups] == "":
		return &SettingError{"subnet", p[parameterSubnets], "requires --security-group"}
	case p[parameterSubnets] == "" && p[parameterGroups] != "":
		return &SettingError{"security-group", p[parameterGroups], "requires --subnet"}
	case p[parameterCodeBucket] != "" && p[parameterCodePrefix] != "":
		return &SettingError{"code-bucket-prefix", p[parameterCodePrefix], "cannot be combined with --code-bucket"}
	case p["TopicArn"] != "" && p[parameterEmail] != "":
		return &SettingError{"email", p[parameterEmail], "cannot be combined with --topic-arn; subscribe the address to that topic instead"}
	case p[parameterTopicKey] != "" && p[parameterEmail] == "":
		return &SettingError{"topic-key-arn", p[parameterTopicKey], "requires --email, whose topic it encrypts"}
	}
	initial := defaults()
	for _, s := range Settings() {
		if p[parameterBucketName] != "" && ownBucket[s.Parameter] && p[s.Parameter] != initial[s.Parameter] {
			return &SettingError{s.Name, strings.ToLower(p[s.Parameter]), "cannot be combined with --bucket, whose configuration is not changed; set it in S3"}
		}
	}
	if every, missed := period(p["Schedule"]), p["MissedHours"]; every > 0 {
		if hours, err := strconv.Atoi(missed); err == nil && every > hours {
			return &SettingError{"missed-hours", missed, fmt.Sprintf("must be at least %d, since --schedule %q reconciles every %d hours", every+1, p["Schedule"], every)}
		}
	}
	p.completeVerification()
	// Slower functions could not record a batch within their timeout.
	rate, _ := strconv.Atoi(p[parameterRate])
	if functions, err := strconv.Atoi(p[parameterConcurrency]); err == nil && rate < functions+1 {
		return &SettingError{"ssm-rate", p[parameterRate], fmt.Sprintf("must be at least %d, one read per second for each of %d recorders and the reconciler", functions+1, functions)}
	}
	seconds, err := strconv.Atoi(p[parameterTimeout])
	if err != nil {
		return &SettingError{"timeout", p[parameterTimeout], "must be an integer"}
	}
	// At least six times the timeout, and full minutes, since it is also the period of alarms.
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
	p[parameterVisibility] = strconv.Itoa((6*seconds + 59) / 60 * 60)
	return nil
}

// The least number of hours without a complete verification, or without any, after which there
// is an alarm.
const (
	leastVerifyHours  = 72
	leastVerifyMissed = 3
)

// completeVerification sets when there are alarms on verifications: after three times the
// time that they should take. CloudWatch looks back at most seven days.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (p parameters) completeVerification() {
	every, share := period(p[parameterVerify]), 100
	if n, err := strconv.Atoi(p[parameterVerifyShare]); err == nil && n > 0 {
		share = n
	}
	if every == 0 {
		every = 24
	}
	rounds := (100 + share - 1) / share
	p[parameterVerifyHours] = strconv.Itoa(max(leastVerifyHours, 3*every*rounds))
	p[parameterVerifyMiss] = strconv.Itoa(min(7*24, max(leastVerifyMissed, 3*every)))
}

// checkVerify rejects rates at which the alarm on missed verifications would be too late.
func checkVerify(value string) string {
	if value == "off" || rate().MatchString(value) && !strings.Contains(value, "minute") && period(value) >= 1 && period(value) <= 72 {
		return ""
	}
	return "must be off, or a rate from 'rate(1 hour)' to 'rate(3 days)'"
}

// defaults returns the template's parameters with their default values.
func defaults() parameters {
	p := parameters{parameterVersion: "", parameterVisibility: "360", parameterSignSince: "", parameterVerifyHours: "72", parameterVerifyMiss: "72"}
	for _, s := range Settings() {
		p[s.Parameter] = s.Default
		if s.choices != nil {
			p[s.Parameter] = s.choices[s.Default]
		}
	}
	return p
}

// period returns the period of a rate expression in hours, rounded up, or 0 for any
// other schedule.
func period(schedule string) int {
	var n int
	var unit string
	if _, err := fmt.Sscanf(strings.TrimSuffix(schedule, ")"), "rate(%d %s", &n, &unit); err != nil {
		return 0
	}
	switch strings.TrimSuffix(unit, "s") {
	case "minute":
		return (n + 59) / 60
	case "hour":
		return n
	}
	return 24 * n
}

// several reports whether text has a comma that is not inside braces.
func several(text string) bool {
	one := strings.TrimSpace(text)
	return one != "" && !slices.Equal(pattern.Split(text), []string{one})
}

func like(form func() *regexp.Regexp, want string) func(string) string {
	return func(value string) string {
		if form().MatchString(value) {
			return ""
		}
		return "must be " + want
	}
}

func between(low, high int) func(string) string {
	return func(value string) string {
		if n, err := strconv.Atoi(value); err != nil || n < low || n > high {
			if high == 1<<31 {
				return fmt.Sprintf("must be an integer of at least %d", low)
			}
			return fmt.Sprintf("must be an integer from %d to %d", low, high)
		}
		return ""
	}
}

func oneOf(values []string) func(string) string {
	return func(value string) string {
		if slices.Contains(values, value) {
			return ""
		}
		return "must be one of " + strings.Join(values, ", ")
	}
}

// checkPointerName rejects names that Parameter Store reserves: those that begin with
// aws or ssm, in upper or lower case.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkPointerName(value string) string {
	lower := strings.ToLower(strings.TrimPrefix(value, "/"))
	switch {
	case !pointer().MatchString(value):
		return "must be the name of a parameter, such as /backup/bucketname"
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"):
		return "must not begin with aws or ssm, which Parameter Store reserves"
	}
	return ""
}

// checkExpiry rejects periods under 30 days: restores need the values.
func checkExpiry(value string) string {
	n, err := strconv.Atoi(value)
	if err != nil || n != 0 && n < 30 || n < 0 || n > 36500 {
		return "must be 0, or an integer from 30 to 36500: deleted values cannot be restored"
	}
	return ""
}

func checkExclude(value string) string {
	if err := pattern.Check(value); err != nil {
		return "must be a pattern such as /ci/** or tmp-*"
	}
	return ""
}
