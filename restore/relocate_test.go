package restore_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// sources returns each item of a plan as a string, with its source.
func sources(p *restore.Plan) []string {
	out := actions(p)
	for i := range out {
		if s := p.Items[i].Source; s != "" {
			out[i] += " from " + string(s)
		}
	}
	return out
}

// TestTo restores to copies.
func TestTo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, target string
		recursive    bool
		o            restore.Options
		want         []string
		skippedOwn   int
	}{
		{
			name: "a path", target: "/app/", o: restore.Options{Options: plan.Options{To: "/new"}},
			want: []string{"create /new/a from /app/a", "create /new/b from /app/b", "none /new/dead"},
		},
		{
			name: "a tree", target: "/app", recursive: true, o: restore.Options{Options: plan.Options{To: "/new/"}},
			want: []string{"create /new/a from /app/a", "create /new/b from /app/b", "none /new/dead", "create /new/sub/c from /app/sub/c"},
		},
		{
			name: "a path to the root", target: "/app/sub/", o: restore.Options{Options: plan.Options{To: "/"}},
			want: []string{"keep /app", "create /c from /app/sub/c", "keep /top"},
		},
		{
			name: "the root", target: "/", recursive: true, o: restore.Options{Options: plan.Options{To: "/copy"}}, skippedOwn: 1,
			want: []string{
				"create /copy/app from /app", "create /copy/app/a from /app/a", "create /copy/app/b from /app/b", "none /copy/app/dead",
				"create /copy/app/sub/c from /app/sub/c", "create /copy/other/a from /other/a", "create /copy/other/x from /other/x", "create /copy/top from /top",
			},
		},
		{
			name: "the first level", target: "/", o: restore.Options{Options: plan.Options{To: "/copy"}},
			want: []string{"create /copy/app from /app", "create /copy/top from /top"},
		},
		{
			name: "one parameter", target: "/app/sub/c", o: restore.Options{Options: plan.Options{To: "/new"}},
			want: []string{"create /new/c from /app/sub/c"},
		},
		{
			name: "one parameter of one level", target: "/top", o: restore.Options{Options: plan.Options{To: "/new"}},
			want: []string{"create /new/top from /top"},
		},
		{
			name: "one parameter to the root", target: "/app/sub/c", o: restore.Options{Options: plan.Options{To: "/"}},
			want: []string{"create /c from /app/sub/c"},
		},
		{
			name: "one parameter that exists", target: "/app/a", o: restore.Options{Options: plan.Options{To: "/other"}},
			want: []string{"update /other/a: value from /app/a"},
		},
		{
			name: "one that did not exist", target: "/app/dead", o: restore.Options{Options: plan.Options{To: "/new"}},
			want: []string{"none /new/dead"},
		},
		{
			name: "to a path with parameters", target: "/app/", o: restore.Options{Options: plan.Options{To: "/other"}},
			want: []string{"update /other/a: value from /app/a", "create /other/b from /app/b", "none /other/dead", "keep /other/x"},
		},
		{
			name: "exactly to a path with parameters", target: "/app/", o: restore.Options{Options: plan.Options{To: "/other", Exact: true}},
			want: []string{"update /other/a: value from /app/a", "create /other/b from /app/b", "none /other/dead", "delete /other/x"},
		},
		{
			name: "to a path below", target: "/app", recursive: true, o: restore.Options{Options: plan.Options{To: "/app/sub"}},
			want: []string{"create /app/sub/a from /app/a", "create /app/sub/b from /app/b", "keep /app/sub/c", "none /app/sub/dead"},
		},
		{
			name: "to a path above", target: "/app/sub/", recursive: true, o: restore.Options{Options: plan.Options{To: "/app"}},
			want: []string{"keep /app/a", "keep /app/b", "create /app/c from /app/sub/c"},
		},
		{
			name: "exactly to a path above", target: "/app/sub/", recursive: true, o: restore.Options{Options: plan.Options{To: "/app", Exact: true}},
			want: []string{"delete /app/a", "delete /app/b", "create /app/c from /app/sub/c"},
		},
		{
			name: "with patterns for the recorded names", target: "/app/", o: restore.Options{Options: plan.Options{To: "/other", Only: []string{"/app/a"}, Exact: true}},
			want: []string{"update /other/a: value from /app/a"},
		},
		{
			name: "all but some", target: "/app/", o: restore.Options{Options: plan.Options{To: "/other", Exclude: []string{"[ax]"}, Exact: true}},
			want: []string{"create /other/b from /app/b", "none /other/dead"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				for _, name := range []string{"/app", "/app/a", "/app/b", "/app/dead", "/app/sub/c", "/top", "/other/x", "/newvoll/ssmbak/bucketname"} {
					w.put(name, "of "+name)
				}
				w.put("/other/a", "other")
				w.pass()
				w.remove("/app/dead")
				w.Record()
				then := w.pass()
				before := w.full()
				p := w.plan(test.target, test.recursive, then, test.o)
				if diff := cmp.Diff(sources(p), test.want); diff != "" || len(p.SkippedOwn) != test.skippedOwn {
					t.Errorf("plan without %v (-got +want):\n%s", p.SkippedOwn, diff)
				}
				res := w.restored(p, test.o)
				if text := errs(res.Outcomes); text != "" {
					t.Errorf("restore: %s", text)
				}
				want := maps.Clone(before)
				for _, item := range p.Items {
					switch item.Action {
					case plan.ActionCreate, plan.ActionUpdate:
						want[string(item.Name)] = before[string(item.Source)]
					case plan.ActionDelete:
						delete(want, string(item.Name))
					default:
					}
				}
				if diff := cmp.Diff(w.full(), want); diff != "" {
					t.Errorf("state (-got +want):\n%s", diff)
				}
				w.Record()
				if again := w.plan(test.target, test.recursive, then, test.o); again.Changes() != 0 {
					t.Errorf("new plan: %v", sources(again))
				}
				if res.ID != "" {
					w.pass()
					w.undo(res.ID, restore.Options{})
				}
				if diff := cmp.Diff(w.full(), before); diff != "" {
					t.Errorf("after the undo (-got +want):\n%s", diff)
				}
			})
		})
	}
}

// TestToErrors checks the errors of invalid destinations.
func TestToErrors(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		deep := "/a/2/3/4/5/6/7/8/9/10/11/12/13/14"
		w.put(deep+"/15", "one")
		w.put("/a/x", "one")
		w.put("/long/"+strings.Repeat("x", 900), "one")
		w.Record()
		then := w.pass()
		for _, test := range []struct {
			target    string
			recursive bool
			to, want  string
		}{
			{"/a/", true, "/a", "cannot restore to /a: the source is the same; omit --to to restore in place"},
			{"/a/", true, "/a/", "the source is the same"},
			{"/a/x", false, "/a", "the source is the same"},
			{"/", true, "/", "the source is the same"},
			{"/a/", true, "//", "it is not a path"},
			{"/a/", true, "/b//c", "it is not a path"},
			{"/a/", true, "/b c", "it is not a path"},
			{"/a/", true, "b/c", "it is not a path"},
			{"/a/", true, "/aws/x", "it is not a path"},
			{"/a/", true, "/b/c", "it has 16 levels, Parameter Store allows 15"},
			{"/a/", true, deep + "/15/16", "it is not a path"},
			{"/long/", false, "/" + strings.Repeat("y", 100), "it is longer than the 967 characters"},
		} {
			p, err := w.restorer(restore.Options{Options: plan.Options{To: test.to}}).Plan(w.Context(), testworld.Target(w, test.target, test.recursive), then)
			var destination *plan.DestinationError
			if p != nil || !errors.As(err, &destination) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s to %.30s: %v, want %q", test.target, test.to, err, test.want)
			}
		}
		if n := w.AWS.Counts()["ssm:PutParameter"]; n != 3 {
			t.Errorf("%d parameters were written, want only the 3 of the test", n)
		}
	})
}

// TestToAttributes checks that a copy gets all attributes, and that what it overwrites is
// recorded.
func TestToAttributes(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		// Both are created in the same millisecond.
		w.put("/a/x", secret, rich)
		w.put("/b/x", "theirs", advancedTier)
		w.label("/a/x", 1, "blue")
		w.put("/a/y", "a,b", stringList)
		w.pass()
		w.tag("/a/x", "env", "prod")
		w.Record()
		then := w.pass()
		w.put("/a/x", "changed since", rich2)
		// These are not recorded.
		w.put("/b/x", "theirs again", advancedTier)
		w.tag("/b/x", "team", "b")
		w.put("/b/y", "theirs")
		before := w.full()
		between := w.pass()
		o := restore.Options{Options: plan.Options{To: "/b"}}
		p := w.plan("/a/", false, then, o)
		want := []string{
			"update /b/x: value, type, keyId, description, allowedPattern, policies, tag env, tag team, label blue from /a/x",
			"update /b/y: value, type from /a/y",
		}
		if diff := cmp.Diff(sources(p), want); diff != "" {
			t.Errorf("plan (-got +want):\n%s", diff)
		}
		out := w.restored(p, o).Outcomes
		if got := fmt.Sprint(results(out)); got != "[restored update /b/x version 3 refused update /b/y]" {
			t.Errorf("got %s: %s", got, errs(out))
		}
		copied := `SecureString "` + secret + `" key="alias/app" tier=Advanced data=text description="of the app" pattern="^h.*" ` +
			`policies=[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}] tags=map[env:prod] labels=map[blue:` + secret + `]`
		after := w.full()
		if got := after["/b/x"]; got != copied {
			t.Errorf("the copy is\n%s, want\n%s", got, copied)
		}
		if after["/a/x"] != before["/a/x"] || after["/a/y"] != before["/a/y"] || after["/b/y"] != before["/b/y"] {
			t.Errorf("other parameters are\n%v, was\n%v", after, before)
		}
		// The overwritten state is in the archive.
		w.Record()
		w.pass()
		w.restored(w.plan("/b/", false, between, restore.Options{}), restore.Options{})
		if diff := cmp.Diff(w.state()["/b/x"], before["/b/x"][:strings.Index(before["/b/x"], " labels=")]); diff != "" {
			t.Errorf("overwritten state (-got +want):\n%s", diff)
		}
	})
}

// rich2 changes every attribute that [rich] sets.
func rich2(in *ssm.PutParameterInput) {
	rich(in)
	in.KeyId, in.Description, in.AllowedPattern = aws.String("alias/other"), aws.String("changed"), aws.String("")
}

// TestToLabels checks that a copy gets the labels of its source version, even if a version
// of the overwritten parameter has the same number and time.
func TestToLabels(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/x", "one")
		w.put("/b/x", "theirs")
		w.label("/a/x", 1, "blue")
		w.Record()
		then := w.pass()
		w.put("/b/x", "theirs again")
		w.Record()
		w.pass()
		o := restore.Options{Options: plan.Options{To: "/b"}}
		w.restored(w.plan("/a/x", false, then, o), o)
		if got, want := w.labels("/b/x"), map[string]int64{"blue": 3}; !maps.Equal(got, want) {
			t.Errorf("labels %v, want %v", got, want)
		}
	})
}

// TestToBeforeRecording checks that a parameter is not deleted if it may have existed.
func TestToBeforeRecording(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/x", "one")
		w.put("/b/y", "theirs")
		w.Must(w.Recorder.Sync(w.Context(), "/a/x"))
		then := w.pass()
		o := restore.Options{Options: plan.Options{To: "/b", Exact: true}}
		if got := sources(w.plan("/a/", false, then, o)); len(got) != 2 || got[1] != "skip /b/y" {
			t.Errorf("without a listing: %v", got)
		}
		r := restore.New(w.Archive, w.Live, nil, restore.Options{Options: plan.Options{To: "/b", Exact: true}})
		w.Must(w.Recorder.Sync(w.Context(), "/a/x"))
		p, err := r.Plan(w.Context(), testworld.Target(w, "/a/", false), then)
		w.Must(err)
		w.restored(p, restore.Options{})
		if w.number("/b/y") != 1 {
			t.Error("an unrecorded parameter was deleted")
		}
		w.Record()
		now := w.pass()
		if got := sources(w.plan("/a/", false, now, o)); len(got) != 2 || got[1] != "delete /b/y" {
			t.Errorf("after a listing: %v", got)
		}
	})
}

// TestToDamage checks that a plan names damaged parameters.
func TestToDamage(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/x", "/a/y", "/b/y"} {
			w.put(name, "of "+name)
		}
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/x", "/b/y"} {
			key := ".ssmbak/index" + name
			w.AWS.S3.Corrupt(bucket, key, w.AWS.S3.Versions(bucket, key)[0].VersionID, []byte("no index"))
		}
		o := restore.Options{Options: plan.Options{To: "/b"}}
		p := w.plan("/a/", false, then, o)
		if len(p.Problems) != 2 {
			t.Errorf("problems: %v", p.Problems)
		}
		before := w.full()
		w.restored(p, o)
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("plan %v wrote (-got +want):\n%s", sources(p), diff)
		}
		for _, problem := range p.Problems {
			if problem.Name != ssmbak.Name("/b/x") && problem.Name != ssmbak.Name("/b/y") {
				t.Errorf("unexpected problem with %s", problem.Name)
			}
		}
	})
}
