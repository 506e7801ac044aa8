package stack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak/pattern"
)

// Parameters of the template that are not set by a person.
const (
	parameterVersion     = "Version"
	parameterCodeKey     = "CodeKey"
	parameterCodeVersion = "CodeVersion"
	parameterVisibility  = "Visibility"
)

// Parameters of the template that the stack's life looks at.
const (
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
	parameterTimeout      = "Timeout"
)

// Setting is a parameter of the template that a person sets.
type Setting struct {
	// Name is the option without its dashes, Parameter that of the template.
	Name, Parameter string
	// Default is the template's, as the option writes it; "" if there is none.
	Default string
	Help    string
	// Group is the heading below which it is shown.
	Group string
	// List says that it may be given several times.
	List bool
	// words are what the option may be, and what the template calls it.
	words map[string]string
	check func(value string) (why string)
}

// Groups are the headings of the settings, in order.
var Groups = []string{"The archive", "The recorder", "Alarms"}

var (
	arn     = regexp.MustCompile(`^arn:[a-z-]+:iam::([0-9]{12}|\*):[^,\s]+$`)
	keyARN  = regexp.MustCompile(`^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+)?$`)
	topic   = regexp.MustCompile(`^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+)?$`)
	bucket  = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$`)
	pointer = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)*$`)
	rate    = regexp.MustCompile(`^(rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\)|cron\(\S+( \S+){5}\))$`)
	address = regexp.MustCompile(`^([^@ ]+@[^@ ]+)?$`)
)

// principal is what names somebody in a condition on aws:PrincipalArn.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
const principal = "the ARN of a user or role, such as arn:aws:iam::123456789012:role/NAME, or a pattern of one; not that of a session"

// headers are the encryption headers.
var headers = map[string]string{"none": "none", "aes256": "AES256", "kms": headerKMS}

// logDays are those that CloudWatch Logs takes.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var logDays = []string{"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096", "1827", "2192", "2557", "2922", "3288", "3653"}

// Settings are all that a person may set, in the order in which they are shown.
func Settings() []Setting {
	return []Setting{
		{
			Name: "bucket", Parameter: parameterBucketName, Group: "The archive", Help: "keep the archive in this bucket of yours instead of one of the stack",
			check: like(bucket, "the name of a bucket"),
		},
		{
			Name: "pointer", Parameter: parameterPointerName, Default: "/newvoll/ssmbak/bucketname", Group: "The archive",
			Help: "parameter in which the bucket's name is noted for ssmbak, '' for none; only one stack of a region can have it", check: checkPointer,
		},
		{
			Name: "encryption", Parameter: parameterEncryption, Default: "stack-key", Group: "The archive",
			Help:  "what encrypts the values: stack-key, given-key (see --key-arn) or s3, under which whoever may list the bucket sees their MD5",
			words: map[string]string{"stack-key": "StackKey", "given-key": "GivenKey", "s3": "S3"},
		},
		{Name: "key-arn", Parameter: parameterKeyArn, Group: "The archive", Help: "ARN of the KMS key for given-key", check: like(keyARN, "the ARN of a KMS key, such as arn:aws:kms:us-east-1:123456789012:key/...; an alias will not do")},
		{
			Name: "value-header", Parameter: parameterValueHeader, Default: "none", Group: "The archive",
			Help:  "encryption header that values are written with, for policies that demand or forbid one: none, aes256, or kms with the archive's key",
			words: headers,
		},
		{
			Name: "index-header", Parameter: parameterIndexHeader, Default: "aes256", Group: "The archive",
			Help:  "encryption header of everything else in the bucket, such as indexes: none, aes256, or kms with the archive's key",
			words: headers,
		},
		{
			Name: "admin", Parameter: parameterAdminArns, Group: "The archive", List: true,
			Help: "ARN or pattern of who may change the bucket, its policy and the functions' code in it, besides the root user (default you)", check: like(arn, principal),
		},
		{
			Name: "reader", Parameter: parameterReaderArns, Group: "The archive", List: true,
			Help: "ARN or pattern of who may read recorded values, if their own policies allow it too, besides admins and restorers", check: like(arn, principal),
		},
		{
			Name: "restorer", Parameter: parameterRestorerArns, Group: "The archive", List: true,
			Help: "ARN or pattern of who may restore, if their own policies allow it too, besides admins", check: like(arn, principal),
		},
		{
			Name: "marker", Parameter: parameterMarkerArns, Group: "The archive", List: true,
			Help: "ARN or pattern of who may write marks and nothing else, if their own policies allow it too", check: like(arn, principal),
		},
		{
			Name: "decrypt-by", Parameter: parameterDecryptArns, Group: "The archive", List: true,
			Help: "ARN or pattern of who may decrypt the archive with the stack's key, if their own policies allow it too (default admins, readers and restorers)", check: like(arn, principal),
		},
		{
			Name: "lock-mode", Parameter: "LockMode", Default: "none", Group: "The archive",
			Help:  "Object Lock of the stack's bucket: none, governance or compliance, under which nobody can delete an object version before its time",
			words: map[string]string{"none": "NONE", "governance": "GOVERNANCE", "compliance": "COMPLIANCE"},
		},
		{Name: "lock-days", Parameter: "LockDays", Default: "0", Group: "The archive", Help: "days for which Object Lock keeps each object version", check: between(0, 36500)},
		{Name: "expire-days", Parameter: "ExpireDays", Default: "0", Group: "The archive", Help: "days after which values that are no longer current are deleted, 0 for never", check: checkExpiry},
		{Name: "index-expire-days", Parameter: "IndexExpireDays", Default: "90", Group: "The archive", Help: "days after which replaced indexes are deleted", check: between(7, 36500)},

		{
			Name: "exclude", Parameter: "Exclude", Group: "The recorder", List: true,
			Help: "pattern of names that are not recorded, such as /ci/** or tmp-*", check: checkExclude,
		},
		{
			Name: "architecture", Parameter: parameterArchitecture, Default: "arm64", Group: "The recorder",
			Help: "processor of the functions: arm64 or x86_64", words: map[string]string{"arm64": "arm64", "x86_64": "x86_64"},
		},
		{Name: "memory", Parameter: "Memory", Default: "256", Group: "The recorder", Help: "memory of the recorder in MB", check: between(128, 10240)},
		{Name: "timeout", Parameter: parameterTimeout, Default: "60", Group: "The recorder", Help: "seconds that the recorder may take for one batch", check: between(10, 900)},
		{Name: "concurrency", Parameter: "Concurrency", Default: "2", Group: "The recorder", Help: "recorders that run at once at most", check: between(2, 1000)},
		{Name: "reconcile-memory", Parameter: "ReconcileMemory", Default: "512", Group: "The recorder", Help: "memory of the reconciler in MB", check: between(128, 10240)},
		{Name: "reconcile-timeout", Parameter: "ReconcileTimeout", Default: "900", Group: "The recorder", Help: "seconds that one reconcile may take; the next goes on where it stopped", check: between(60, 900)},
		{Name: "schedule", Parameter: "Schedule", Default: "rate(1 hour)", Group: "The recorder", Help: "when to reconcile, as EventBridge writes it", check: like(rate, "rate(1 hour) or cron(0 * * * ? *)")},
		{
			Name: "log-level", Parameter: "LogLevel", Default: "info", Group: "The recorder", Help: "what the functions log: debug, info, warn or error",
			words: map[string]string{"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR"},
		},
		{Name: "log-days", Parameter: "LogDays", Default: "90", Group: "The recorder", Help: "days for which logs are kept", check: oneOf(logDays)},

		{Name: "alarm-age", Parameter: "AlarmAge", Default: "900", Group: "Alarms", Help: "seconds that a change may wait to be recorded", check: between(60, 1<<31)},
		{Name: "alarm-dead-letters", Parameter: "AlarmDeadLetters", Default: "0", Group: "Alarms", Help: "dead letters that are no alarm", check: between(0, 1<<31)},
		{Name: "alarm-errors", Parameter: "AlarmErrors", Default: "0", Group: "Alarms", Help: "errors of the recorder in five minutes that are no alarm", check: between(0, 1<<31)},
		{Name: "missed-hours", Parameter: "MissedHours", Default: "3", Group: "Alarms", Help: "hours without a reconcile that ended well", check: between(1, 168)},
		{Name: "topic-arn", Parameter: "TopicArn", Group: "Alarms", Help: "SNS topic that gets the alarms", check: like(topic, "the ARN of an SNS topic")},
		{Name: "email", Parameter: "Email", Group: "Alarms", Help: "address that gets the alarms, by a topic of the stack", check: like(address, "an address")},
	}
}

// SettingError says what is wrong with a setting.
type SettingError struct{ Name, Value, Why string }

func (e *SettingError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("--%s %s", e.Name, e.Why)
	}
	return fmt.Sprintf("--%s %s: %s", e.Name, e.Value, e.Why)
}

// Values are settings by name; what is not named is left as it is.
type Values map[string][]string

// parameters are what the template calls them.
type parameters map[string]string

// Check says what is wrong with a value, as a [*SettingError]. It makes no request.
func (v Values) Check() error {
	_, err := v.parameters()
	return err
}

// parameters checks each value and returns what the template calls them.
func (v Values) parameters() (parameters, error) {
	p := make(parameters)
	for _, s := range Settings() {
		values, named := v[s.Name]
		if !named {
			continue
		}
		for i, value := range values {
			if s.List && value == "" && len(values) == 1 && s.Parameter != parameterAdminArns {
				p[s.Parameter] = s.Default // none of them any more
				continue
			}
			if s.List && (value == "" || len(split(value)) != 1) {
				return nil, &SettingError{s.Name, value, "give the option once for each"}
			}
			if s.words != nil {
				word, ok := s.words[value]
				if !ok {
					return nil, &SettingError{s.Name, value, "must be one of " + strings.Join(slices.Sorted(maps.Keys(s.words)), ", ")}
				}
				value = word
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
			return nil, &SettingError{name, "", "is no setting of the stack"}
		}
	}
	if key := p[parameterKeyArn]; key != "" && p[parameterEncryption] == "" && p[parameterBucketName] == "" {
		p[parameterEncryption] = "GivenKey"
	}
	return p, nil
}

// check finds what is wrong with all parameters together, and fills in what
// follows from others.
func (p parameters) check() error {
	switch {
	case p[parameterEncryption] == "GivenKey" && p[parameterKeyArn] == "":
		return &SettingError{"encryption", "given-key", "name the key with --key-arn"}
	case p[parameterEncryption] == "StackKey" && p[parameterKeyArn] != "" && p[parameterBucketName] == "":
		return &SettingError{"key-arn", p[parameterKeyArn], "is for --encryption given-key"}
	case p["LockMode"] != "NONE" && p["LockDays"] == "0":
		return &SettingError{"lock-mode", strings.ToLower(p["LockMode"]), "say for how many days with --lock-days"}
	case p["LockMode"] == "NONE" && p["LockDays"] != "0":
		return &SettingError{"lock-days", p["LockDays"], "say how with --lock-mode governance or compliance"}
	case p["TopicArn"] != "" && p["Email"] != "":
		return &SettingError{"email", p["Email"], "subscribe it to the topic of --topic-arn, or leave that out"}
	}
	if every, missed := period(p["Schedule"]), p["MissedHours"]; every > 0 {
		if hours, err := strconv.Atoi(missed); err == nil && every > hours {
			return &SettingError{"missed-hours", missed, fmt.Sprintf("a reconcile comes every %d hours by --schedule %q, so say %d or more", every, p["Schedule"], every+1)}
		}
	}
	seconds, err := strconv.Atoi(p[parameterTimeout])
	if err != nil {
		return &SettingError{"timeout", p[parameterTimeout], "must be a number of seconds"}
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	p[parameterVisibility] = strconv.Itoa(6 * seconds)
	return nil
}

// defaults are the parameters of a stack of which nothing is named.
func defaults() parameters {
	p := parameters{parameterVersion: "", parameterCodeKey: "", parameterCodeVersion: "", parameterVisibility: "360"}
	for _, s := range Settings() {
		p[s.Parameter] = s.Default
		if s.words != nil {
			p[s.Parameter] = s.words[s.Default]
		}
	}
	return p
}

// period returns how many hours lie between two runs of a schedule, rounded up, 0
// where that is not known.
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

// split takes patterns apart with commas between them; commas within braces
// are part of a pattern.
func split(text string) []string {
	all := []string{}
	depth, begin := 0, 0
	for i, r := range text {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth <= 0:
			all = append(all, text[begin:i])
			begin = i + 1
		}
	}
	return append(all, text[begin:])
}

func like(form *regexp.Regexp, want string) func(string) string {
	return func(value string) string {
		if form.MatchString(value) {
			return ""
		}
		return "must be " + want
	}
}

func between(low, high int) func(string) string {
	return func(value string) string {
		if n, err := strconv.Atoi(value); err != nil || n < low || n > high {
			if high == 1<<31 {
				return fmt.Sprintf("must be a number from %d on", low)
			}
			return fmt.Sprintf("must be a number from %d to %d", low, high)
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

// checkPointer refuses names that Parameter Store takes for nobody's: those that
// begin with aws or ssm, in any case of letters.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkPointer(value string) string {
	lower := strings.ToLower(strings.TrimPrefix(value, "/"))
	switch {
	case !pointer.MatchString(value):
		return "must be the name of a parameter, such as /backup/bucketname"
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"):
		return "Parameter Store takes no name that begins with aws or ssm"
	}
	return ""
}

// checkExpiry keeps what a restore needs for a month at least.
func checkExpiry(value string) string {
	n, err := strconv.Atoi(value)
	if err != nil || n != 0 && n < 30 || n < 0 || n > 36500 {
		return "must be 0, or 30 to 36500: what is deleted no restore brings back"
	}
	return ""
}

func checkExclude(value string) string {
	if err := pattern.Check(value); err != nil {
		return "is not a pattern: write such as /ci/** or tmp-*"
	}
	return ""
}
