package restoring

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// The place that is restored from, and the bucket in which the restored account finds its
// archive.
const (
	otherAccount = "999999999999"
	otherRegion  = "eu-west-1"
	otherBucket  = "elsewhere"
)

// here is the place that is restored.
var here = plan.Place{Account: simulation.Account, Region: simulation.Region}

// origin is the account that a restore comes from, in another region.
type origin struct {
	account    *testworld.World
	unlabelled map[string]bool
	// behind says that the archive is not complete there: events were on their way, or
	// it is a copy that lacks objects.
	behind bool
	copied bool // by S3 replication
}

// playElsewhere restores from the archive of another account and region, or a copy of it,
// which lacks some objects in some stories. This account has parameters of the same names,
// and mostly an archive of its own.
func (s *story) playElsewhere(t testing.TB) {
	s.names = allNames
	s.lossy = s.chance(8)
	s.alone = s.chance(4)
	s.history(2+s.rand.IntN(6), false)
	s.see(1)
	s.originate(t)
	s.history(1+s.rand.IntN(8), false)
	s.see(2)
	s.choose()
	s.chooseElsewhere()
	s.Event("restore %v from elsewhere", s)
	first := s.first()
	if s.origin.copied && s.chance(2) {
		s.replicate(nil)
	}
	s.rest()
	second := s.second()
	s.back(first, second)
	s.secrets(first, second)
}

// originate lets users change parameters in the other account, and makes its archive
// available to this one.
func (s *story) originate(t testing.TB) {
	own, ours, unlabelled, owners := s.AWS, s.account, s.unlabelled, s.owners
	o := emulator.Options{Account: otherAccount, Region: otherRegion, Clock: emulator.RealClock(), Seed: int64(s.rand.Uint32())}
	o.Queue.Copies = s.copies
	s.AWS, s.unlabelled, s.owners = emulator.New(o), make(map[string]bool), make(map[string][]int)
	s.account = testworld.New(t, testworld.Options{AWS: s.AWS, Account: otherAccount, Region: otherRegion, Bucket: simulation.Bucket, Parts: &smallParts})
	s.Event("elsewhere")
	if s.chance(2) {
		s.account.Record()
	}
	if s.chance(8) {
		s.busy("/app/a")
	}
	s.history(6+s.rand.IntN(12), true)
	s.at = s.moments[s.rand.IntN(len(s.moments))]
	switch s.rand.IntN(3) {
	case 0:
		s.at = s.putNamed("/app/b")
	case 1:
		s.at = s.remove("/app/a")
	}
	s.see(1)
	s.history(s.rand.IntN(6), false)
	s.see(3)
	s.origin = &origin{account: s.account, unlabelled: s.unlabelled}
	s.AWS, s.account, s.unlabelled, s.owners = own, ours, unlabelled, owners
	s.Event("here")
	s.copyArchive()
}

// putNamed puts a value that names the account and the region that it belongs to, and returns
// a time at which it is there.
func (s *story) putNamed(name string) ssmbak.Time {
	value := "arn:aws:sqs:" + otherRegion + ":" + otherAccount + ":" + secretMark
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: aws.Bool(true), Type: types.ParameterTypeString, AllowedPattern: aws.String(".*")}
	if cur := s.now(name); cur.live {
		in.Type, in.Tier = types.ParameterType(cur.Type), types.ParameterTier(cur.Tier)
	}
	s.user(name, "put an ARN in", func() error {
		_, err := s.account.SSM.PutParameter(s.account.Context(), in)
		return err
	})
	time.Sleep(20 * time.Second)
	return ssmbak.TimeOf(time.Now())
}

// remove deletes a parameter, and returns a time at which it does not exist.
func (s *story) remove(name string) ssmbak.Time {
	s.user(name, "delete", func() error {
		_, err := s.account.SSM.DeleteParameter(s.account.Context(), &ssm.DeleteParameterInput{Name: &name})
		return err
	})
	time.Sleep(20 * time.Second)
	return ssmbak.TimeOf(time.Now())
}

// copyArchive makes the archive of the other account available: itself, or a copy of which
// all or some objects have been replicated.
func (s *story) copyArchive() {
	s.AWS.S3.CreateBucket(otherBucket, true)
	const identity = ".ssmbak/archive"
	switch s.rand.IntN(4) {
	case 0: // an object that S3 did not replicate
		s.replicate(func(v s3api.Version) bool { return v.Key == identity })
		s.account.Must(s.AWS.S3.Put(otherBucket, identity, s.origin.account.AWS.S3.Versions(simulation.Bucket, identity)[0].Body))
		s.origin.behind = s.origin.account.AWS.Queue.Depth() > 0
		s.Counts.Add("the archive of another account")
	case 1:
		s.replicate(nil)
		s.Counts.Add("a copy of an archive")
	case 2: // the last of what was recorded is missing
		until := time.Now().Add(-time.Duration(s.rand.IntN(600)) * time.Second)
		s.origin.copied, s.origin.behind = true, true
		s.replicate(func(v s3api.Version) bool {
			return v.Key != identity && v.LastModified.After(until) && s.Chance("replicated late "+v.Key, 500)
		})
		s.Counts.Add("a copy that lags")
	default: // some keys are missing
		s.origin.copied, s.origin.behind = true, true
		s.replicate(func(v s3api.Version) bool { return v.Key != identity && s.Fixed("not replicated "+v.Key, 6) == 0 })
		s.Counts.Add("a copy that lacks objects")
	}
	time.Sleep(time.Second)
}

// replicate replicates what is not pending.
func (s *story) replicate(pending func(s3api.Version) bool) {
	s.account.Must(s.origin.account.AWS.S3.Replicate(simulation.Bucket, s.AWS.S3, otherBucket, pending))
	if pending == nil {
		s.origin.copied, s.origin.behind = true, s.origin.account.AWS.Queue.Depth() > 0
		s.Event("everything is replicated")
	}
}

// chooseElsewhere completes the options of a restore from elsewhere.
func (s *story) chooseElsewhere() {
	s.options.Into = here
	if s.options.KeyID == "" && !s.chance(3) {
		s.options.KeyMap = map[string]string{"alias/k1": "alias/k1", "alias/k2": "alias/k3"}
		s.Counts.Add("mapped keys")
	}
	if s.alone {
		s.Counts.Add("without an archive")
	}
}

// openElsewhere opens the archive that is restored from.
func (s *story) openElsewhere(conn *awsconn.Conn) *archive.Archive {
	o := archive.Options{Bucket: otherBucket, Account: here.Account, Region: here.Region, Elsewhere: true}
	a, err := archive.Open(s.account.Context(), conn.S3(), o)
	s.account.Must(err)
	return a
}

// readsSource reports whether the undo of an attempt reads the archive that that came from.
func (s *story) readsSource(of *attempt) bool {
	rec, err := s.account.Archive.RestoreRecord(s.account.Context(), of.id)
	s.account.Must(err)
	if !restore.NeedsSource(rec) {
		return false
	}
	s.Counts.Add("an undo that reads the archive elsewhere")
	return true
}

// past are the changes of a parameter in the account that is restored from.
func (s *story) past(name string) []ssmapi.Change {
	if s.origin != nil {
		return s.origin.account.AWS.SSM.Truth(name)
	}
	return s.AWS.SSM.Truth(name)
}

// was is a parameter that is restored from, at the time that is restored.
func (s *story) was(name ssmbak.Name) snapshot { return snapshotOf(s.past(string(name)), s.at) }

// late reports whether the archive that is restored from may not have heard of everything.
func (s *story) late(a *attempt) bool {
	if s.origin != nil && a.undoes == nil {
		return s.lossy || s.origin.behind
	}
	return s.lossy || a.behind
}

// hadUnlabelled reports whether a label was removed from a parameter that is restored from.
func (s *story) hadUnlabelled(name ssmbak.Name) bool {
	if s.origin != nil {
		return s.origin.unlabelled[string(name)]
	}
	return s.unlabelled[string(name)]
}

// keyOf returns the key with which the options say that a parameter is encrypted, "" if with
// the one that it had.
func (a *attempt) keyOf(recorded string) string {
	if mapped, ok := a.options.KeyMap[recorded]; ok && a.undoes == nil {
		return mapped
	}
	return a.options.KeyID
}

// checkElsewhere checks a plan from elsewhere: what it says about values that name the other
// place.
func (s *story) checkElsewhere(a *attempt) {
	if s.origin == nil || a.undoes != nil {
		return
	}
	for i := range a.plan.Items {
		item := &a.plan.Items[i]
		value, known := item.After.Value.Get()
		if !known || item.After.Deleted {
			continue
		}
		names := strings.Contains(value.Reveal(), otherAccount)
		i := slices.IndexFunc(item.Notices, func(n string) bool { return strings.HasSuffix(n, "and is not translated") })
		if names != (i >= 0) {
			s.Problem("%s: the value of %s names the other account: %v, and the notices are %q", a.what, item.Name, names, item.Notices)
		}
		if i < 0 {
			continue
		}
		s.Counts.Add("a value that names the other account")
		secret := item.After.Version.Type == ssmbak.TypeSecureString
		if strings.Contains(item.Notices[i], otherAccount) == secret || strings.Contains(item.Notices[i], otherRegion) == secret {
			s.Problem("%s: %s, a %s: %s", a.what, item.Name, item.After.Version.Type, item.Notices[i])
		}
	}
}

// checkForeign demands that a request does not change the archive that is restored from.
func (p *run) checkForeign(q simulation.Request) {
	if _, bucket, key := s3api.Operation(q.Request); bucket == otherBucket && q.Method != http.MethodGet && q.Method != http.MethodHead {
		p.s.Problem("run %d: %s of %s in the archive elsewhere", p.id, q.Op, key)
	}
}
