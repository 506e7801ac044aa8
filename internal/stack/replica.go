package stack

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"strings"
	"sync"
	text "text/template"
)

// replicaSource is the template of the stack with the copy, with the places of what
// [Replica] has. Notes on its parts:
//
//   - AWS documents s3:List* and s3:PutBucketVersioning for the policy of a destination, too.
//     The role has neither, and whoever controls the archive's account must not be able to
//     stop the versioning of the copy.
//     https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
//   - Objects that are not locked in the archive get the default retention of the copy.
//     https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnot-replicated.html
//   - kms:Decrypt verifies a bucket key before S3 uses it.
//     https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
//
//go:embed replica.yaml
var replicaSource string

var replicaText = sync.OnceValue(func() *text.Template { return text.Must(text.New("replica").Parse(replicaSource)) })

// Replica describes the copy of the archive of a stack in another account or region.
type Replica struct {
	// Stack, Account and Region are those of the archive.
	Stack, Account, Region string
	// Bucket is the name of the bucket to create.
	Bucket string
	// Role is the pattern for the role of the archive's stack with which S3 replicates, with
	// its path: its name is known only when the stack replicates, and the copy must exist
	// before.
	Role string
	// Encryption is Key for a KMS key of the copy, or S3.
	Encryption string
	// LockMode is NONE, GOVERNANCE or COMPLIANCE, and LockDays the retention period.
	LockMode, LockDays string
	// ExpireDays and IndexExpireDays are those of the archive.
	ExpireDays, IndexExpireDays string
}

// String returns the CloudFormation template in YAML.
func (r Replica) String() string {
	var b strings.Builder
	if err := replicaText().Execute(&b, r); err != nil {
		panic(fmt.Sprintf("the template of a copy has no text: %v", err))
	}
	return b.String()
}

// Lock is the Object Lock of a copy. The zero value is that of none.
type Lock struct {
	Mode string // governance, compliance or none
	Days int
}

// Replica returns the copy of the archive for the settings in v, which must have a
// replica-bucket unless the stack has one. The other settings are those of the stack, or
// the defaults if it does not exist yet. The error is a [*SettingError] for a setting that is
// invalid or missing.
func (s *Stack) Replica(ctx context.Context, v Values, lock Lock) (Replica, error) {
	named, err := v.parameters()
	if err != nil {
		return Replica{}, err
	}
	p := defaults()
	st, err := s.describe(ctx, s.o.Name)
	if err != nil {
		return Replica{}, err
	}
	if st != nil {
		maps.Copy(p, parametersOf(st))
	}
	maps.Copy(p, named)
	r := Replica{
		Stack: s.o.Name, Region: s.conn.Region(), Bucket: p[parameterReplica], Role: p["RolePath"] + s.o.Name + "-ReplicationRole-*", Encryption: "Key",
		LockMode: strings.ToUpper(lock.Mode), LockDays: fmt.Sprint(max(1, lock.Days)), ExpireDays: p["ExpireDays"], IndexExpireDays: p["IndexExpireDays"],
	}
	if p[parameterEncryption] == "S3" {
		r.Encryption = "S3"
	}
	switch {
	case r.Bucket == "":
		return Replica{}, &SettingError{"replica-bucket", "", "is missing: name the bucket that the template is to create"}
	case p["LockMode"] != "NONE" && lock.Mode == "none":
		return Replica{}, &SettingError{"copy-lock-mode", lock.Mode, "must be governance or compliance: the archive has Object Lock, so its copy needs it"}
	}
	caller, err := s.conn.Caller(ctx)
	if err != nil {
		return Replica{}, err
	}
	r.Account = caller.Account
	return r, nil
}
