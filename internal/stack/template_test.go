package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/testkit/program"
)

// The limits of CloudFormation for the size of a template, in bytes: in a request, and in a
// bucket.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	inline   = 51200
	inBucket = 1 << 20
)

func TestSize(t *testing.T) {
	t.Parallel()
	t.Logf("a stack is created with %d bytes, and updated with %d", len(base()), len(body()))
	if len(base()) > inline || len(body()) > inBucket {
		t.Errorf("templates of %d and %d bytes, want at most %d and %d", len(base()), len(body()), inline, inBucket)
	}
}

// TestBase checks that a stack is created with exactly the resources and outputs that the
// template has without the functions' code, so that the update only adds the others.
func TestBase(t *testing.T) {
	t.Parallel()
	for name, parameters := range map[string]map[string]string{"defaults": {}, "settings": {"Sign": "ENABLED", "SignSince": "2026-01-01T00:00:00Z", "Email": "a@b.c", "Verify": "rate(1 day)"}, "replica": replica} {
		got, want := renderTemplate(t, sourceOf(t, base()), parameters), render(t, parameters)
		got.refers, want.refers = nil, nil // in the order of a map
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(rendered{}, resource{})); diff != "" {
			t.Errorf("%s (-template +base):\n%s", name, diff)
		}
	}
}

// TestLint runs cfn-lint, if it is installed.
func TestLint(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and tests nothing but the template")
	}
	program.Need(t, "cfn-lint", "SSMBAK_REQUIRE_CFN_LINT", "pip install cfn-lint")
	dir := t.TempDir()
	lint := func(args ...string) {
		if out, err := exec.CommandContext(t.Context(), "cfn-lint", args...).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
			t.Errorf("cfn-lint %q: %v\n%s", args, err, out)
		}
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lint("--regions", "us-east-1", "cn-north-1", "us-gov-west-1", "--", file("template.yaml", Template()))
	lint("--ignore-checks", "W1033", "--", file("template.json", body()))
	// It has the parameters and conditions of the resources that it lacks.
	lint("--ignore-checks", "W1033", "W2001", "W8001", "--", file("base.json", base()))
}

// TestNoAliases checks that the template has no YAML anchors or aliases, which
// CloudFormation does not support.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
func TestNoAliases(t *testing.T) {
	t.Parallel()
	for i, line := range strings.Split(Template(), "\n") {
		if regexp.MustCompile(`(^|[\s\[{,:-])[&*][a-zA-Z]\w*\s*($|[,\]}])`).MatchString(line) {
			t.Errorf("line %d has a YAML anchor or alias: %s", i+1, line)
		}
	}
}

// TestSettings checks that the settings correspond to the template's parameters, with the
// same defaults and bounds.
func TestSettings(t *testing.T) {
	t.Parallel()
	all := section(source(t), "Parameters")
	settings := make(map[string]Setting)
	for _, s := range Settings() {
		settings[s.Parameter] = s
		if s.Help == "" || !slices.Contains(Groups, s.Group) {
			t.Errorf("--%s has no help or no group", s.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name].(map[string]any)
		if p["Description"] == nil {
			t.Errorf("%s has no description", name)
		}
		want, hasDefault := p["Default"]
		if !hasDefault {
			want = ""
		}
		if got, ok := defaults()[name]; !ok || got != fmt.Sprint(want) {
			t.Errorf("%s: the default is %q, but %q in the template", name, got, want)
		}
		s, ok := settings[name]
		if !ok {
			if !slices.Contains([]string{parameterVersion, parameterVisibility, parameterSignSince, parameterVerifyHours, parameterVerifyMiss}, name) {
				t.Errorf("%s has no setting", name)
			}
			continue
		}
		delete(settings, name)
		try := func(value string) bool { _, err := Values{s.Name: {value}}.parameters(); return err == nil }
		if allowed, ok := p["AllowedValues"].([]any); ok {
			for _, v := range allowed {
				if s.choices != nil && !slices.Contains(slices.Collect(maps.Values(s.choices)), v.(string)) || s.choices == nil && !try(v.(string)) {
					t.Errorf("--%s rejects %s, which the template allows", s.Name, v)
				}
			}
			if s.choices != nil && len(s.choices) != len(allowed) {
				t.Errorf("--%s allows %v, but the template %v", s.Name, s.choices, allowed)
			}
		}
		for bound, step := range map[string]int{"MinValue": -1, "MaxValue": 1} {
			text, ok := p[bound].(string)
			if !ok {
				continue
			}
			n := 0
			_, _ = fmt.Sscan(text, &n)
			if name == "AlarmAge" || !strings.HasPrefix(name, "Alarm") {
				if !try(text) || try(fmt.Sprint(n+step)) {
					t.Errorf("--%s: the template's %s is %s", s.Name, bound, text)
				}
			}
		}
		if form, ok := p["AllowedPattern"].(string); ok {
			re := regexp.MustCompile(form)
			for _, value := range []string{"", "/a/b", "a", "arn:aws:kms:us-east-1:123456789012:key/a-b", "arn:aws:kms:us-east-1:123456789012:alias/a", "rate(1 hour)", "cron(0 * * * ? *)", "a@b.c", "bucket-1", "Bucket", "arn:aws:sns:us-east-1:123456789012:t"} {
				if try(value) && !re.MatchString(value) {
					t.Errorf("--%s allows %q, which the template rejects", s.Name, value)
				}
			}
		}
	}
	for name := range settings {
		t.Errorf("there is a setting for %s, which is not a parameter", name)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		values Values
		why    string // "" if they are valid
	}{
		{Values{"memory": {"127"}}, "--memory 127: must be an integer from 128 to 10240"},
		{Values{"memory": {"much"}}, "--memory much: must be an integer"},
		{Values{"expire-days": {"7"}}, "--expire-days 7: must be 0, or an integer from 30 to 36500"},
		{Values{"expire-days": {"30"}}, ""},
		{Values{"pointer": {"/ssmbak/bucketname"}}, "must not begin with aws or ssm"},
		{Values{"pointer": {""}}, ""},
		{Values{"encryption": {"aes"}}, "--encryption aes: must be one of given-key, s3, stack-key"},
		{Values{"encryption": {"given-key"}}, "name the key with --key-arn"},
		{Values{"key-arn": {"alias/mine"}}, "not of an alias"},
		{Values{"key-arn": {"arn:aws:kms:us-east-1:123456789012:key/1"}}, ""},
		{Values{"encryption": {"stack-key"}, "key-arn": {"arn:aws:kms:us-east-1:123456789012:key/1"}}, "--key-arn"},
		{Values{"lock-mode": {"compliance"}}, "--lock-days"},
		{Values{"lock-days": {"30"}}, "--lock-mode"},
		{Values{"lock-mode": {"compliance"}, "lock-days": {"30"}}, ""},
		{Values{"admin": {"arn:aws:sts::123456789012:assumed-role/a/b"}}, "not the ARN of a session"},
		{Values{"schedule": {"rate(1 hours)"}}, "rate(1 hour)"},
		{Values{"schedule": {"rate(2 hours)"}}, ""},
		{Values{"schedule": {"rate(1 day)"}}, "must be at least 25"},
		{Values{"verify": {"off"}}, ""},
		{Values{"verify": {"rate(3 days)"}, "verify-sample": {"10%"}}, ""},
		{Values{"verify": {"rate(4 days)"}}, "--verify rate(4 days): must be off, or a rate from 'rate(1 hour)' to 'rate(3 days)'"},
		{Values{"verify": {"rate(30 minutes)"}}, "must be off, or a rate"},
		{Values{"verify": {"daily"}}, "must be off, or a rate"},
		{Values{"verify": {"cron(0 3 * * ? *)"}}, "must be off, or a rate"},
		{Values{"verify-sample": {"0%"}}, "--verify-sample 0: must be an integer from 1 to 100"},
		{Values{"ssm-rate": {"0"}}, "--ssm-rate 0: must be an integer from 1 to 10000"},
		{Values{"concurrency": {"20"}}, "--ssm-rate 10: must be at least 21"},
		{Values{"concurrency": {"20"}, "ssm-rate": {"21"}}, ""},
		{Values{"schedule": {"rate(1 day)"}, "missed-hours": {"25"}}, ""},
		{Values{"replica-bucket": {"copy"}}, "--replica-bucket copy: name a KMS key in its region with --replica-key-arn"},
		{Values{"replica-bucket": {"copy"}, "encryption": {"s3"}}, ""},
		{Values{"replica-bucket": {"copy"}, "replica-key-arn": {"arn:aws:kms:eu-west-1:210987654321:key/1"}, "replica-account": {"210987654321"}}, ""},
		{Values{"replica-bucket": {"copy"}, "replica-key-arn": {"arn:aws:kms:eu-west-1:210987654321:key/1"}, "encryption": {"s3"}}, "omit it with --encryption s3"},
		{Values{"replica-bucket": {"copy"}, "encryption": {"s3"}, "bucket": {"mine"}}, "--replica-bucket copy: cannot be combined with --bucket"},
		{Values{"replica-bucket": {""}}, ""},
		{Values{"replica-bucket": {"arn:aws:s3:::copy"}}, "must be the name of a bucket"},
		{Values{"replica-account": {"210987654321"}}, "--replica-account 210987654321: requires --replica-bucket"},
		{Values{"replica-account": {"vault"}}, "must be the 12 digits of an account"},
		{Values{"replica-key-arn": {"arn:aws:kms:eu-west-1:210987654321:key/1"}}, "requires --replica-bucket"},
		{Values{"exclude": {""}}, ""},
		{Values{"exclude": {"a,b"}}, "repeat the flag"},
		{Values{"exclude": {"{a,b}"}}, ""},
		{Values{"admin": {"me"}}, "the ARN of a user or role"},
		{Values{"admin": {"arn:aws:iam::123456789012:role/a,arn:aws:iam::123456789012:role/b"}}, "repeat the flag"},
		{Values{"admin": {"arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:user/*"}}, ""},
		{Values{"exclude": {"[a"}}, "must be a pattern"},
		{Values{"exclude": {"/ci/**", "{a,b}-*"}}, ""},
		{Values{"log-days": {"8"}}, "must be one of 1, 3, 5"},
		{Values{"schedule": {"hourly"}}, "rate(1 hour)"},
		{Values{"topic-arn": {"arn:aws:sns:us-east-1:123456789012:t"}, "email": {"a@b"}}, "--topic-arn"},
		{Values{"topic-key-arn": {"arn:aws:kms:us-east-1:123456789012:key/1"}}, "--topic-key-arn arn:aws:kms:us-east-1:123456789012:key/1: requires --email"},
		{Values{"topic-key-arn": {"arn:aws:kms:us-east-1:123456789012:key/1"}, "email": {"a@b"}}, ""},
		{Values{"bucket": {"mine"}, "lock-mode": {"governance"}, "lock-days": {"30"}}, "--lock-mode governance: cannot be combined with --bucket"},
		{Values{"bucket": {"mine"}, "expire-days": {"40"}}, "--expire-days 40: cannot be combined with --bucket"},
		{Values{"bucket": {"mine"}, "index-expire-days": {"40"}}, "--index-expire-days 40: cannot be combined with --bucket"},
		{Values{"bucket": {"mine"}, "access-log-bucket": {"logs"}}, "--access-log-bucket logs: cannot be combined with --bucket"},
		{Values{"bucket": {"mine"}, "index-expire-days": {"90"}, "expire-days": {"0"}}, ""},
		{Values{"unheard": {"x"}}, "--unheard is not a setting"},
	}
	for _, test := range tests {
		p, err := test.values.parameters()
		if err == nil {
			all := defaults()
			maps.Copy(all, p)
			err = all.check()
		}
		switch {
		case test.why == "" && err != nil:
			t.Errorf("%v: %v", test.values, err)
		case test.why != "" && (err == nil || !strings.Contains(err.Error(), test.why)):
			t.Errorf("%v: %v, want an error with %q", test.values, err, test.why)
		}
	}
	p := parameters{}
	maps.Copy(p, defaults())
	p[parameterTimeout] = "100"
	if err := p.check(); err != nil || p[parameterVisibility] != "600" {
		t.Errorf("Timeout 100: got Visibility %s, %v", p[parameterVisibility], err)
	}
	for _, test := range []struct{ verify, share, hours, missed string }{
		{"off", "100", "72", "72"},
		{"rate(1 hour)", "100", "72", "3"},
		{"rate(1 day)", "100", "72", "72"},
		{"rate(1 day)", "30", "288", "72"}, // four days for all of it
		{"rate(3 days)", "100", "216", "168"},
	} {
		p[parameterVerify], p[parameterVerifyShare] = test.verify, test.share
		if err := p.check(); err != nil || p[parameterVerifyHours] != test.hours || p[parameterVerifyMiss] != test.missed {
			t.Errorf("%+v: got %s, %s, %v", test, p[parameterVerifyHours], p[parameterVerifyMiss], err)
		}
	}
}

// TestRegion checks that keys and topics of another region are refused.
func TestRegion(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"key-arn": "arn:aws:kms:R:123456789012:key/1", "log-key-arn": "arn:aws:kms:R:123456789012:key/1", "queue-key-arn": "arn:aws:kms:R:123456789012:key/1",
		"topic-key-arn": "arn:aws:kms:R:123456789012:key/1", "topic-arn": "arn:aws:sns:R:123456789012:t", "replica-key-arn": "",
	} {
		at := func(region string) error {
			p, err := Values{name: {strings.ReplaceAll(value, ":R:", ":"+region+":")}}.parameters()
			if err != nil {
				t.Fatal(err)
			}
			return p.checkRegion(testRegion)
		}
		if err := at(testRegion); err != nil {
			t.Errorf("in this region: %v", err)
		}
		if err := at("eu-west-1"); value != "" && (err == nil || !strings.HasPrefix(err.Error(), "--"+name+" ")) {
			t.Errorf("--%s of another region: %v", name, err)
		}
	}
}

// replica are the parameters of a stack that has a copy in another account and region.
var replica = map[string]string{"ReplicaBucket": "copy", "ReplicaAccount": "210987654321", "ReplicaKeyArn": "arn:aws:kms:eu-west-1:210987654321:key/copy"}

// organization are settings that an organization's rules may require.
var organization = []string{
	"PermissionsBoundary", "arn:aws:iam::123456789012:policy/boundary", "RolePath", "/teams/ops/", "AccessLogBucket", "logs", "SubnetIds", "subnet-1a,subnet-2b", "SecurityGroupIds", "sg-1a",
	"LogKeyArn", "arn:aws:kms:us-east-1:123456789012:key/logs", "QueueKeyArn", "arn:aws:kms:us-east-1:123456789012:key/queue", "TopicKeyArn", "arn:aws:kms:us-east-1:123456789012:key/topic",
	"Email", "a@b.c", "IndexHeader", "aws:kms", "Verify", "rate(1 day)",
}

// stacksOfPairs returns parameters of stacks that have every pair of choices, in each partition.
func stacksOfPairs() (all []map[string]string) {
	choices := [][][]string{
		{{}, {"Encryption", "S3"}, {"BucketName", "mine", "PointerName", ""}, {"Encryption", "GivenKey", "KeyArn", "arn:aws:kms:us-east-1:123456789012:key/given"}},
		{{}, {"CodeKey", ""}, {"CodeBucket", "artifacts"}, {"CodeBucketPrefix", "artifacts", "CodeVersion", ""}},
		{{}, {"Sign", "ENABLED", "SignSince", "2026-01-01T00:00:00Z"}},
		{{}, {"Email", "a@b.c"}, {"Email", "a@b.c", "TopicKeyArn", "arn:aws:kms:us-east-1:123456789012:key/topic"}, {"TopicArn", "arn:aws:sns:us-east-1:123456789012:t"}},
		{{}, {"PermissionsBoundary", "arn:aws:iam::123456789012:policy/b"}},
		{{}, {"RolePath", "/ops/"}},
		{{}, {"LogKeyArn", "arn:aws:kms:us-east-1:123456789012:key/logs"}},
		{{}, {"QueueKeyArn", "arn:aws:kms:us-east-1:123456789012:key/queue"}},
		{{}, {"AccessLogBucket", "logs"}},
		{{}, {"ReplicaBucket", "copy"}, {"ReplicaBucket", "copy", "ReplicaAccount", "210987654321", "ReplicaKeyArn", "arn:aws:kms:eu-west-1:210987654321:key/copy"}},
		{{}, {"SubnetIds", "subnet-1a", "SecurityGroupIds", "sg-1a,sg-2b"}},
		{{}, {"LockMode", "GOVERNANCE", "LockDays", "30"}},
		{{}, {"Verify", "rate(1 day)"}},
		{{}, {
			"ReaderArns", "arn:aws:iam::123456789012:role/reader", "RestorerArns", "arn:aws:iam::123456789012:role/restorer",
			"MarkerArns", "arn:aws:iam::123456789012:role/marker", "DecryptArns", "arn:aws:iam::123456789012:role/decrypter",
		}},
		{{"AWS::Partition", "aws", "AWS::Region", "us-east-1"}, {"AWS::Partition", "aws-cn", "AWS::Region", "cn-north-1"}, {"AWS::Partition", "aws-us-gov", "AWS::Region", "us-gov-west-1"}},
	}
	for _, row := range pairs(choices) {
		given := with(parameterAdminArns, "arn:aws:iam::123456789012:role/admin")
		for factor, choice := range row {
			for i := 0; i < len(choices[factor][choice]); i += 2 {
				given[choices[factor][choice][i]] = choices[factor][choice][i+1]
			}
		}
		for name, value := range given {
			given[name] = strings.NewReplacer("arn:aws:", "arn:"+given["AWS::Partition"]+":", ":us-east-1:", ":"+given["AWS::Region"]+":").Replace(value)
		}
		all = append(all, given)
	}
	return all
}

// TestPairs renders the template for every pair of choices, in each partition, and checks
// that everything that is said to exist does, and that each ARN is of the partition.
func TestPairs(t *testing.T) {
	t.Parallel()
	all := stacksOfPairs()
	t.Logf("%d stacks have every pair of choices", len(all))
	ofARN := regexp.MustCompile(`\barn:[^:"]*:[^"]*`)
	for _, given := range all {
		r := render(t, given)
		for id, x := range r.resources {
			text, err := json.Marshal(x.properties)
			if err != nil {
				t.Fatalf("%v: %s: %v", given, id, err)
			}
			for _, arn := range ofARN.FindAllString(string(text), -1) {
				if !strings.HasPrefix(arn, "arn:"+given["AWS::Partition"]+":") {
					t.Errorf("%s has %s in the partition %s", id, arn, given["AWS::Partition"])
				}
			}
			for _, to := range r.refers[id] {
				if _, ok := r.resources[to]; !ok {
					t.Errorf("%v: %s refers to %s, which does not exist", given, id, to)
				}
			}
		}
	}
}

// TestPairsLint runs cfn-lint, if it is installed, with the parameters of each stack of
// TestPairs, in a region of its partition. It takes minutes.
func TestPairsLint(t *testing.T) {
	t.Parallel()
	if os.Getenv("SSMBAK_LONG") == "" {
		t.Skip("set SSMBAK_LONG to run cfn-lint with every pair of choices")
	}
	program.Need(t, "cfn-lint", "SSMBAK_REQUIRE_CFN_LINT", "pip install cfn-lint")
	dir := t.TempDir()
	template := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(template, []byte(Template()), 0o600); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]string) // by region
	for i, given := range stacksOfPairs() {
		type parameter struct{ ParameterKey, ParameterValue string }
		parameters := []parameter{{parameterVersion, "v1"}}
		for name, value := range given {
			if _, ok := pseudo[name]; !ok {
				parameters = append(parameters, parameter{name, value})
			}
		}
		text, err := json.Marshal(parameters)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		files[given["AWS::Region"]] = append(files[given["AWS::Region"]], path)
	}
	if len(files) != 3 {
		t.Fatalf("there are %d regions", len(files))
	}
	for region, parameters := range files {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			args := slices.Concat([]string{template, "--regions", region, "--parameter-files"}, parameters)
			if out, err := exec.CommandContext(t.Context(), "cfn-lint", args...).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
				t.Errorf("cfn-lint %q: %v\n%s", args, err, out)
			}
		})
	}
}

// pairs returns rows of one choice per factor, so that each pair of choices of two factors
// is in a row.
func pairs(choices [][][]string) (rows [][]int) {
	type pair struct{ f, c, g, d int }
	left := make(map[pair]bool)
	for f := range choices {
		for g := f + 1; g < len(choices); g++ {
			for c := range choices[f] {
				for d := range choices[g] {
					left[pair{f, c, g, d}] = true
				}
			}
		}
	}
	for len(left) > 0 {
		first := slices.MinFunc(slices.Collect(maps.Keys(left)), func(a, b pair) int {
			return slices.Compare([]int{a.f, a.g, a.c, a.d}, []int{b.f, b.g, b.c, b.d})
		})
		row := slices.Repeat([]int{-1}, len(choices))
		row[first.f], row[first.g] = first.c, first.d
		for f := range choices { // the choice with the most new pairs with those that are made
			if row[f] >= 0 {
				continue
			}
			best, most := 0, -1
			for c := range choices[f] {
				n := 0
				for g, d := range row {
					if left[pair{f, c, g, d}] || left[pair{g, d, f, c}] {
						n++
					}
				}
				if n > most {
					best, most = c, n
				}
			}
			row[f] = best
		}
		for f := range row {
			for g := f + 1; g < len(row); g++ {
				delete(left, pair{f, row[f], g, row[g]})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// states returns parameters of stacks, by name, for the tests.
func states() map[string]map[string]string {
	return map[string]map[string]string{
		"without functions":     {},
		"defaults":              defaultsWithCode,
		"given key":             with("Encryption", "GivenKey", "KeyArn", "arn:aws:kms:us-east-1:123456789012:key/given"),
		"S3's key":              with("Encryption", "S3"),
		"own bucket":            with("BucketName", "mine", "PointerName", ""),
		"own bucket with a key": with("BucketName", "mine", "KeyArn", "arn:aws:kms:us-east-1:123456789012:key/given"),
		"kms headers":           with("ValueHeader", "aws:kms", "IndexHeader", "aws:kms", "DecryptArns", "arn:aws:iam::123456789012:role/operator"),
		"given key and headers": with("Encryption", "GivenKey", "KeyArn", "arn:aws:kms:us-east-1:123456789012:key/given", "ValueHeader", "aws:kms", "IndexHeader", "aws:kms"),
		"own bucket, headers":   with("BucketName", "mine", "KeyArn", "arn:aws:kms:us-east-1:123456789012:key/given", "ValueHeader", "none", "IndexHeader", "aws:kms"),
		"verified":              with("Verify", "rate(1 day)", "IndexHeader", "aws:kms"),
		"signed":                with("Sign", "ENABLED", "SignSince", "2026-01-01T00:00:00Z"),
		"organization":          with(organization...),
		"replicated":            with("ReplicaBucket", "copy", "ReplicaAccount", "210987654321", "ReplicaKeyArn", "arn:aws:kms:eu-west-1:210987654321:key/copy"),
		"everything":            with("LockMode", "COMPLIANCE", "LockDays", "30", "ExpireDays", "365", "Email", "a@b.c", "Exclude", "/ci/**"),
	}
}

// TestStates renders the template with many sets of parameters, and checks that
// references are to existing resources and have no cycles.
func TestStates(t *testing.T) {
	t.Parallel()
	for name, given := range states() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(t, given)
			var visit func(id string, path []string)
			visit = func(id string, path []string) {
				if slices.Contains(path, id) {
					t.Fatalf("cycle: %v", append(path, id))
				}
				for _, next := range r.refers[id] {
					visit(next, append(path, id))
				}
			}
			for id := range r.resources {
				visit(id, nil)
			}
			if _, err := json.Marshal(r.resources["Bucket"].properties); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// get returns a property by its path.
func get(t *testing.T, r rendered, id string, path ...string) any {
	t.Helper()
	res, ok := r.resources[id]
	if !ok {
		t.Fatalf("there is no %s", id)
	}
	var v any = res.properties
	for _, p := range path {
		if list, ok := v.([]any); ok {
			i := 0
			_, _ = fmt.Sscan(p, &i)
			v = list[i]
			continue
		}
		v = v.(map[string]any)[p]
	}
	return v
}

// TestFirstStep checks that the first step creates everything but the functions and what
// needs them, so that events wait in the queue.
func TestFirstStep(t *testing.T) {
	t.Parallel()
	first, complete := render(t, map[string]string{"Verify": "rate(1 day)"}), render(t, with("Verify", "rate(1 day)"))
	var missing []string
	for id := range complete.resources {
		if _, ok := first.resources[id]; !ok {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	if want := []string{
		"CompleteAge", "Errors", "Failed", "Faults", "Forged", "Function", "Gaps", "HandedBack", "Lag", "MissedReconciles", "MissedVerifications", "Reconciler", "ReconcilerOnce",
		"SchedulePermission", "ScheduleRule", "SqsToLambda", "Unreadable", "Verifier", "VerifierOnce", "VerifyAge", "VerifyPermission", "VerifyRule",
	}; !slices.Equal(missing, want) {
		t.Errorf("not in the first step: %v, want %v", missing, want)
	}
}

// TestRetained checks that the bucket, its policy and the key are never deleted.
func TestRetained(t *testing.T) {
	t.Parallel()
	r := render(t, defaultsWithCode)
	for _, id := range []string{"Bucket", "BucketPolicy", "Key"} {
		if x := r.resources[id]; x.deletion != "RetainExceptOnCreate" || x.replacing != "Retain" {
			t.Errorf("%s: DeletionPolicy %q, UpdateReplacePolicy %q", id, x.deletion, x.replacing)
		}
	}
	for _, id := range []string{"Bucket", "Q"} { // a name would replace the legacy stack's resource
		for _, name := range []string{"BucketName", "QueueName"} {
			if r.resources[id].properties[name] != nil {
				t.Errorf("%s has an explicit name", id)
			}
		}
	}
}

func TestPipeline(t *testing.T) {
	t.Parallel()
	r := render(t, with("Timeout", "100", "Visibility", "600", "Concurrency", "5", "SsmRate", "30", "Exclude", "/ci/**,tmp-*", "LogLevel", "DEBUG"))
	for _, c := range []struct {
		got, want any
	}{
		{get(t, r, "Q", "SqsManagedSseEnabled"), true},
		{get(t, r, "DeadLetterQ", "SqsManagedSseEnabled"), true},
		{get(t, r, "Q", "MessageRetentionPeriod"), "1209600"},
		{get(t, r, "DeadLetterQ", "MessageRetentionPeriod"), "1209600"},
		{get(t, r, "Q", "VisibilityTimeout"), "600"},
		{get(t, r, "Q", "RedrivePolicy", "deadLetterTargetArn"), "arn:aws:sqs:us-east-1:123456789012:DeadLetterQ"},
		{get(t, r, "Q", "RedrivePolicy", "maxReceiveCount"), "10"},
		{get(t, r, "SqsToLambda", "FunctionResponseTypes", "0"), "ReportBatchItemFailures"},
		{get(t, r, "SqsToLambda", "ScalingConfig", "MaximumConcurrency"), "5"},
		{get(t, r, "Function", "Runtime"), "provided.al2023"},
		{get(t, r, "Function", "Handler"), "bootstrap"},
		{get(t, r, "Function", "Timeout"), "100"},
		{get(t, r, "Function", "Code", "S3ObjectVersion"), "v1"},
		{get(t, r, "Function", "Environment", "Variables", "SSMBAK_BUCKET"), testBucket},
		{get(t, r, "Function", "Environment", "Variables", "SSMBAK_EXCLUDE"), "/ci/**,tmp-*"},
		{get(t, r, "Reconciler", "Environment", "Variables", "SSMBAK_LOG_LEVEL"), "DEBUG"},
		{get(t, r, "Reconciler", "Environment", "Variables", "SSMBAK_STACK"), testStack},
		{get(t, r, "Function", "Environment", "Variables", "SSMBAK_SSM_RATE"), "30"},
		{get(t, r, "Function", "Environment", "Variables", "SSMBAK_RECORDERS"), "5"},
		{get(t, r, "Reconciler", "Environment", "Variables", "SSMBAK_SSM_RATE"), "30"},
		{get(t, r, "Reconciler", "Environment", "Variables", "SSMBAK_RECORDERS"), "5"},
		{get(t, r, "ScheduleRule", "Targets", "0", "Input"), `{"ssmbak":"reconcile"}`},
		{get(t, r, "ReconcilerOnce", "MaximumRetryAttempts"), "0"},
		{get(t, r, "EventRule", "Name"), testStack},
		{get(t, r, "BucketParam", "Value"), testBucket},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	for _, f := range []string{"Function", "Reconciler"} {
		name := get(t, r, f, "FunctionName").(string)
		if group := get(t, r, f+"Log", "LogGroupName"); group != "/aws/lambda/"+name || !slices.Contains(r.refers[f], f+"Log") {
			t.Errorf("the log group of %s is %v; the function refers to %v", name, group, r.refers[f])
		}
	}
	for _, rule := range []string{"EventRule", "PolicyRule", "TagRule", "TrailRule"} {
		if get(t, r, rule, "Targets", "0", "Arn") != "arn:aws:sqs:us-east-1:123456789012:Q" ||
			get(t, r, rule, "Targets", "0", "DeadLetterConfig", "Arn") != "arn:aws:sqs:us-east-1:123456789012:DeadLetterQ" ||
			get(t, r, rule, "Targets", "0", "RetryPolicy", "MaximumRetryAttempts") != "185" {
			t.Errorf("the target of %s is %v", rule, get(t, r, rule, "Targets"))
		}
	}
	for value, want := range map[string]string{"": "DISABLED", "ENABLED": "ENABLED"} {
		who := render(t, defaultsWithCode)
		if value != "" {
			who = render(t, with("Who", value))
		}
		if got := get(t, who, "TrailRule", "State"); got != want {
			t.Errorf("with Who %q the rule of CloudTrail's events is %v, want %s", value, got, want)
		}
	}
	for id, x := range r.resources {
		if x.kind != "AWS::CloudWatch::Alarm" {
			continue
		}
		text := x.properties["AlarmDescription"].(string)
		if !strings.Contains(text, "`") || strings.Contains(text, "${") {
			t.Errorf("%s names no command: %s", id, text)
		}
		if x.properties["TreatMissingData"] == nil {
			t.Errorf("%s has no TreatMissingData", id)
		}
	}
}

func TestBucketSettings(t *testing.T) {
	t.Parallel()
	r := render(t, defaultsWithCode)
	if get(t, r, "Bucket", "VersioningConfiguration", "Status") != "Enabled" || get(t, r, "Bucket", "ObjectLockEnabled") != nil {
		t.Errorf("the bucket is %v", r.resources["Bucket"].properties)
	}
	if key := get(t, r, "Bucket", "BucketEncryption", "ServerSideEncryptionConfiguration", "0", "ServerSideEncryptionByDefault", "KMSMasterKeyID"); key != "arn:aws:kms:us-east-1:123456789012:key/stack" {
		t.Errorf("its key is %v", key)
	}
	rules := get(t, r, "Bucket", "LifecycleConfiguration", "Rules").([]any)
	for _, rule := range rules {
		m := rule.(map[string]any)
		for what := range m {
			if strings.Contains(what, "Expiration") && what != "NoncurrentVersionExpiration" {
				t.Errorf("%v expires current objects", m)
			}
		}
		if p, _ := m["Prefix"].(string); m["NoncurrentVersionExpiration"] != nil && (p == "" || strings.HasPrefix(p, "/") || strings.HasPrefix(".ssmbak/lambda/", p) || strings.HasPrefix(".ssmbak/restores/", p)) {
			t.Errorf("%v expires objects that must be kept", m)
		}
	}
	r = render(t, with("LockMode", "COMPLIANCE", "LockDays", "30", "ExpireDays", "365"))
	if get(t, r, "Bucket", "ObjectLockConfiguration", "Rule", "DefaultRetention", "Mode") != "COMPLIANCE" || get(t, r, "Bucket", "ObjectLockConfiguration", "Rule", "DefaultRetention", "Days") != "30" {
		t.Errorf("the lock is %v", get(t, r, "Bucket", "ObjectLockConfiguration"))
	}
	rules = get(t, r, "Bucket", "LifecycleConfiguration", "Rules").([]any)
	last := rules[len(rules)-1].(map[string]any)
	if last["Prefix"] != "/" || last["NoncurrentVersionExpiration"].(map[string]any)["NoncurrentDays"] != "365" {
		t.Errorf("the rule for values is %v", last)
	}
	r = render(t, with("Encryption", "S3"))
	if _, ok := r.resources["Key"]; ok {
		t.Error("there is a key with Encryption S3")
	}
	r = render(t, with("BucketName", "mine"))
	for _, id := range []string{"Bucket", "BucketPolicy", "Key"} {
		if _, ok := r.resources[id]; ok {
			t.Errorf("there is a %s in a stack with BucketName", id)
		}
	}
	if r.outputs["BucketName"] != "mine" {
		t.Errorf("the output BucketName is %v", r.outputs["BucketName"])
	}
}
