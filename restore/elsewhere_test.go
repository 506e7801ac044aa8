package restore_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// foreign makes the archive of another account from what was recorded so far.
func (w *world) foreign() *archive.Archive {
	w.Helper()
	const name = "foreign"
	w.AWS.S3.CreateBucket(name, true)
	w.Must(w.AWS.S3.Replicate(bucket, w.AWS.S3, name, func(v s3api.Version) bool { return v.Key == ".ssmbak/archive" }))
	w.Must(w.AWS.S3.Put(name, ".ssmbak/archive", []byte(`{"format":1,"account":"999999999999","region":"eu-west-1","created":"2000-01-01T00:00:00Z"}`)))
	a, err := archive.Open(w.Context(), w.Conn.S3(), archive.Options{Bucket: name, Account: account, Region: region, Elsewhere: true})
	w.Must(err)
	return a
}

func from(a *archive.Archive, o plan.Options) restore.Options {
	return restore.Options{Options: o, From: a, Into: plan.Place{Account: account, Region: region}, By: caller}
}

// caller is the ARN of who restores.
const caller = "arn:aws:iam::" + account + ":user/local"

// TestElsewhere restores from the archive of another account, in place and to copies, with and
// without the archive of this one.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/app/update", "old")
		w.tag("/app/update", "team", "blue")
		w.put("/app/create", secret, secureString("alias/old"))
		w.put("/app/same", "same")
		w.Record()
		at := w.pass()
		a := w.foreign()
		want := w.state()
		w.put("/app/update", "new")
		w.remove("/app/create")
		w.put("/app/only-here", "kept")
		w.Record()
		w.pass()
		p := w.plan("/app", true, at, from(a, plan.Options{KeyMap: map[string]string{"alias/old": "alias/old"}}))
		got := strings.Join(actions(p), "; ")
		const plan1 = "create /app/create; keep /app/only-here; none /app/same; update /app/update: value"
		if got != plan1 {
			t.Errorf("plan: %s, want %s", got, plan1)
		}
		o := from(a, plan.Options{To: "/copy", KeyID: "alias/new"})
		p = w.plan("/app", true, at, o)
		if text := errs(w.apply(w.Context(), p, o)); text != "" {
			t.Error(text)
		}
		for name, copied := range map[string]string{"/app/update": "/copy/update", "/app/same": "/copy/same"} {
			if got := w.state()[copied]; got != want[name] {
				t.Errorf("%s is %s, want %s", copied, got, want[name])
			}
		}
		if got := w.state()["/copy/create"]; got != strings.Replace(want["/app/create"], "alias/old", "alias/new", 1) {
			t.Errorf("/copy/create is %s", got)
		}

		// Without an archive values are compared with those of Parameter Store, and written over.
		w.put("/app/create", secret, secureString("alias/old"))
		o = from(a, plan.Options{Exact: true, KeyMap: map[string]string{"alias/old": "alias/old"}})
		r := restore.New(nil, w.Live, nil, o)
		alone, err := r.Plan(w.Context(), p.Target, at)
		w.Must(err)
		const plan2 = "none /app/create; delete /app/only-here; none /app/same; update /app/update: value"
		if got := strings.Join(actions(alone), "; "); got != plan2 {
			t.Errorf("plan without an archive: %s, want %s", got, plan2)
		}
		res, err := r.Apply(w.Context(), alone)
		w.Must(err)
		if text := errs(res.Outcomes); text != "" || res.ID != "" {
			t.Errorf("%s, restore %q", text, res.ID)
		}
		if got := w.state()["/app/update"]; got != want["/app/update"] || w.number("/app/only-here") == 0 && w.state()["/app/only-here"] != "" {
			t.Errorf("/app/update is %s, want %s", got, want["/app/update"])
		}
	})
}

// TestUndoElsewhere undoes a restore from another archive that is out of reach: if the restore
// ended, versions are known by their numbers, and if it was killed, nothing is certain.
func TestUndoElsewhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		killed, since bool
		reachable     bool
		want          string // of /app/db, after the undo
		refused       string
	}{
		{name: "ended", want: "new"},
		{name: "ended, and changed since", since: true, want: "since", refused: "it was changed since the restore"},
		{name: "killed", killed: true, want: "old", refused: "not known without the archive in bucket foreign"},
		{name: "killed, with the archive", killed: true, reachable: true, want: "new"},
		{name: "killed and changed since, with the archive", killed: true, since: true, reachable: true, want: "since", refused: "it was changed since the restore"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				w.put("/app/db", "old")
				w.Record()
				at := w.pass()
				a := w.foreign()
				w.put("/app/db", "new")
				w.Record()
				w.pass()
				o := from(a, plan.Options{})
				p := w.plan("/app", true, at, o)
				if test.killed { // its outcome is never recorded
					n := 0
					w.AWS.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: ".ssmbak/restores/", Fault: emulator.Denied, If: func(*http.Request) bool { n++; return n > 1 }})
				}
				res, err := w.restorer(o).Apply(w.Context(), p)
				w.Must(err)
				w.AWS.Faults.Clear()
				time.Sleep(time.Second)
				if test.since {
					_, err := w.SSM.PutParameter(w.Context(), &ssm.PutParameterInput{Name: aws.String("/app/db"), Value: aws.String("since"), Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
					w.Must(err)
				}
				w.pass()
				for _, v := range w.AWS.S3.Versions("foreign", "/app/db") {
					if !test.reachable {
						w.AWS.S3.RemoveVersion("foreign", "/app/db", v.VersionID)
					}
				}
				undo := restore.Options{By: caller}
				if test.reachable {
					undo.From = a
				}
				u, err := w.restorer(undo).Undo(w.Context(), res.ID)
				w.Must(err)
				text := errs(w.apply(w.Context(), u, undo))
				if !strings.Contains(text, test.refused) || test.refused == "" && text != "" {
					t.Errorf("undo: %q, want %q", text, test.refused)
				}
				h, err := w.Live.History(w.Context(), "/app/db")
				w.Must(err)
				if got := h.Newest().Value.V.Reveal(); got != test.want {
					t.Errorf("/app/db is %q, want %q", got, test.want)
				}
				record, err := w.Archive.RestoreRecord(w.Context(), res.ID)
				w.Must(err)
				if record.From == nil || record.From.Account != "999999999999" || record.From.Bucket != "foreign" || len(record.Items[0].After.Version.Objects) > 0 || len(record.Items[0].After.From) == 0 {
					t.Errorf("record: %+v", record)
				}
			})
		})
	}
}
