package restore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
	"github.com/ssmbak/ssmbak/timeline"
)

// rich sets every attribute.
func rich(in *ssm.PutParameterInput) {
	in.Type, in.KeyId, in.Tier = types.ParameterTypeSecureString, aws.String("alias/app"), types.ParameterTierAdvanced
	in.Description, in.AllowedPattern = aws.String("of the app"), aws.String("^h.*")
	in.Policies = aws.String(`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`)
}

// TestRestore restores a path with changes of all kinds, and undoes the restore.
func TestRestore(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/app/deleted", "gone by then")
		w.pass()
		w.remove("/app/deleted")
		w.put("/app/same", "one")
		w.put("/app/value", "one")
		w.put("/app/rich", secret, rich)
		w.put("/app/tagged", "one")
		w.put("/app/removed", "one")
		w.put("/other", "one")
		w.pass()
		w.tag("/app/tagged", "env", "prod")
		w.tag("/app/tagged", "team", "a")
		w.tag("/app/removed", "env", "prod")
		w.Record()
		then := w.pass()
		before := w.state()

		w.put("/app/deleted", "again")
		w.put("/app/value", "two")
		w.put("/app/rich", "two", func(in *ssm.PutParameterInput) {
			in.Tier, in.Policies = types.ParameterTierAdvanced, aws.String("[{}]")
		})
		w.tag("/app/tagged", "env", "dev")
		w.tag("/app/tagged", "new", "x")
		_, err := w.SSM.RemoveTagsFromResource(w.Context(), &ssm.RemoveTagsFromResourceInput{
			ResourceId: aws.String("/app/tagged"), ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: []string{"team"},
		})
		w.Must(err)
		w.remove("/app/removed")
		w.put("/app/new", "three")
		w.put("/app/brief", "came and went")
		w.Record()
		w.pass()
		w.remove("/app/brief")
		w.put("/other", "two")
		w.Record()
		wrong := w.pass()
		after := w.state()

		p := w.plan("/app/", true, then, restore.Options{})
		want := []string{
			"delete /app/deleted",
			"keep /app/new",
			"create /app/removed",
			"update /app/rich: value, type, keyId, description, allowedPattern, policies",
			"none /app/same",
			"update /app/tagged: tag env, tag new, tag team",
			"update /app/value: value",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Fatalf("plan (-got +want):\n%s", diff)
		}
		if diff := cmp.Diff(w.state(), after); diff != "" {
			t.Fatalf("planning changed something:\n%s", diff)
		}
		if !p.NeedsConfirmation() {
			t.Error("a plan with a delete needs no confirmation")
		}
		got := results(w.apply(w.Context(), p, restore.Options{}))
		want = []string{
			"deleted delete /app/deleted",
			"unchanged keep /app/new",
			"restored create /app/removed version 1",
			"restored update /app/rich version 3",
			"unchanged none /app/same",
			"restored update /app/tagged",
			"restored update /app/value version 3",
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		before["/app/new"], before["/other"] = after["/app/new"], after["/other"]
		if diff := cmp.Diff(w.state(), before); diff != "" {
			t.Errorf("state after the restore (-got +want):\n%s", diff)
		}

		w.Record()
		w.pass()
		if again := w.plan("/app/", true, then, restore.Options{}); again.Count(plan.ActionNone) != 6 || again.Count(plan.ActionKeep) != 1 {
			t.Errorf("new plan: %v", actions(again))
		}
		if exact := w.plan("/app/", true, then, restore.Options{Options: plan.Options{Exact: true}}); exact.Count(plan.ActionDelete) != 1 {
			t.Errorf("new exact plan: %v", actions(exact))
		}
		w.apply(w.Context(), w.plan("/", true, wrong, restore.Options{}), restore.Options{})
		if diff := cmp.Diff(w.state(), after); diff != "" {
			t.Errorf("state after the undo (-got +want):\n%s", diff)
		}
	})
}

// TestUnrecorded restores while live changes are not recorded yet.
func TestUnrecorded(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/changed", "one")
		w.put("/a/remade", "one")
		w.put("/a/removed", "one")
		w.Record()
		then := w.pass()
		w.put("/a/changed", "two")
		w.remove("/a/remade")
		w.put("/a/remade", "two")
		w.remove("/a/removed")
		w.put("/a/new", "one")
		// The time of the deletion is unknown.
		want := []string{"update /a/changed: value", "keep /a/new", "skip /a/remade", "skip /a/removed"}
		if diff := cmp.Diff(actions(w.plan("/a/", false, then, restore.Options{})), want); diff != "" {
			t.Errorf("plan (-got +want):\n%s", diff)
		}
		p := w.plan("/a/", false, then, restore.Options{Options: plan.Options{AssumeLastKnown: true}})
		want = []string{"update /a/changed: value", "keep /a/new", "update /a/remade: value", "create /a/removed"}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Fatalf("plan (-got +want):\n%s", diff)
		}
		state := w.state()
		between := w.pass()
		w.apply(w.Context(), p, restore.Options{})
		w.pass()

		// States that only the plan recorded can be restored.
		w.apply(w.Context(), w.plan("/a/", false, between, restore.Options{}), restore.Options{})
		if diff := cmp.Diff(w.state(), state); diff != "" {
			t.Errorf("state after the undo (-got +want):\n%s", diff)
		}
	})
}

// TestChangedDuringPlan changes parameters while a plan is made.
func TestChangedDuringPlan(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(w *world)
		want   string
	}{
		{"deleted", func(w *world) { w.remove("/p") }, "create /p"},
		{"changed", func(w *world) { w.put("/p", "three") }, "update /p: value"},
		{"changed back", func(w *world) { w.put("/p", "one") }, "none /p"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				w.put("/p", "one")
				w.Record()
				then := w.pass()
				w.put("/p", "two")
				w.once("GetParameterHistory", func() emulator.Fault { test.change(w); return emulator.Fault{} })
				p := w.plan("/p", false, then, restore.Options{Options: plan.Options{AssumeLastKnown: true}})
				if got := actions(p); len(got) != 1 || got[0] != test.want {
					t.Errorf("got %v, want %s", got, test.want)
				}
				w.pass()
				if got := w.apply(w.Context(), p, restore.Options{})[0]; got.Err != nil {
					t.Errorf("apply: %v", got.Err)
				}
			})
		})
	}
}

// TestUnrecordedTags checks that tags are recorded before they are lost.
func TestUnrecordedTags(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.pass()
		w.tag("/p", "env", "prod")
		w.Record()
		then := w.pass()
		w.put("/p", "two")
		w.tag("/p", "kept", "no")
		w.Record()
		w.pass()
		w.tag("/p", "env", "dev")

		r := restore.New(w.Archive, w.Live, nil, restore.Options{})
		p, err := r.Plan(w.Context(), testworld.Target(w, "/p", false), then)
		w.Must(err)
		if got, want := actions(p)[0], "update /p: value, tag env, tag kept (its tags and labels are not in the archive)"; got != want {
			t.Errorf("without a syncer: got %s, want %s", got, want)
		}
		p = w.plan("/p", false, then, restore.Options{})
		if got, want := actions(p)[0], "update /p: value, tag env, tag kept"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		index, err := w.Archive.Index(w.Context(), "/p")
		w.Must(err)
		if tags := index.Facts.Tags; !slices.ContainsFunc(tags, func(s timeline.TagsFact) bool { return s.Tags["env"] == "dev" }) {
			t.Errorf("the tags were not recorded: %v", tags)
		}
		if o := w.apply(w.Context(), p, restore.Options{})[0]; o.Status != plan.StatusRestored || !strings.Contains(w.state()["/p"], `"one"`) || !strings.Contains(w.state()["/p"], "tags=map[env:prod]") {
			t.Errorf("%s (%v) and left %s", o.Status, o.Err, w.state()["/p"])
		}
	})
}

// TestUnsaved checks that a live version that the archive does not hold is not changed.
func TestUnsaved(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/gone", "one")
		w.pass()
		w.remove("/a/gone")
		w.put("/a/locked", secret, secureString("alias/app"))
		w.put("/a/plain", "one")
		w.Record()
		then := w.pass()
		w.put("/a/gone", "again")
		w.put("/a/locked", "two", secureString("alias/broken"))
		w.AWS.SSM.DisableKey("alias/broken")
		w.put("/a/plain", "two")
		state := w.state()

		r := restore.New(w.Archive, w.Live, nil, restore.Options{})
		p, err := r.Plan(w.Context(), testworld.Target(w, "/a/", false), then)
		w.Must(err)
		const unsaved = " (its live version is not in the archive: recording is not possible here)"
		want := []string{"delete /a/gone" + unsaved, "update /a/locked: value, keyId" + unsaved, "update /a/plain: value" + unsaved}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("plan without a syncer (-got +want):\n%s", diff)
		}
		refused, err := r.Apply(w.Context(), p)
		w.Must(err)
		if diff := cmp.Diff(results(refused.Outcomes), []string{"refused delete /a/gone", "refused update /a/locked", "refused update /a/plain"}); diff != "" {
			t.Errorf("outcomes without a syncer (-got +want):\n%s", diff)
		}
		if diff := cmp.Diff(w.state(), state); diff != "" {
			t.Errorf("something was written:\n%s", diff)
		}

		outcomes := w.apply(w.Context(), w.plan("/a/", false, then, restore.Options{}), restore.Options{})
		want = []string{"deleted delete /a/gone", "refused update /a/locked", "restored update /a/plain version 3"}
		if diff := cmp.Diff(results(outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		if got := errs(outcomes); !strings.HasPrefix(got, "its live value is not in the archive: InvalidKeyId") {
			t.Errorf("refused for %q", got)
		}
	})
}

// TestUnavailableValues checks that damaged and expired values are not restored.
func TestUnavailableValues(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/damaged", "/a/expired", "/a/fine", "/a/unsaved"} {
			w.put(name, "one")
		}
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/damaged", "/a/expired", "/a/fine", "/a/unsaved"} {
			w.put(name, "two")
		}
		w.Record()
		version := func(name string, i int) string { return w.AWS.S3.Versions(bucket, name)[i].VersionID }
		w.AWS.S3.Corrupt(bucket, "/a/damaged", version("/a/damaged", 1), []byte("eno"))
		w.AWS.S3.RemoveVersion(bucket, "/a/expired", version("/a/expired", 1))
		w.AWS.S3.RemoveVersion(bucket, "/a/unsaved", version("/a/unsaved", 0))

		p := w.plan("/a/", false, then, restore.Options{})
		want := []string{
			"skip /a/damaged", "skip /a/expired", "update /a/fine: value",
			"update /a/unsaved: value (its live value is not in the archive: the value object is no longer in the bucket)",
		}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("plan (-got +want):\n%s", diff)
		}
		if len(p.Problems) != 1 || p.Problems[0].Name != "/a/damaged" {
			t.Errorf("problems: %v", p.Problems)
		}
		if got, want := p.Items[1].Reason, "its value is unavailable: the value object is no longer in the bucket"; got != want {
			t.Errorf("reason: got %q, want %q", got, want)
		}
		got := results(w.apply(w.Context(), p, restore.Options{}))
		want = []string{"refused skip /a/damaged", "refused skip /a/expired", "restored update /a/fine version 3", "refused update /a/unsaved"}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
	})
}

// TestBeforeRecording restores a time before the first observation.
func TestBeforeRecording(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		early := w.pass()
		w.put("/a/known", "one")
		w.Must(w.Recorder.Sync(w.Context(), "/a/known"))
		if got := actions(w.plan("/a/", false, early, restore.Options{})); len(got) != 1 || got[0] != "keep /a/known" {
			t.Errorf("without a listing: %v", got)
		}
		then := w.pass()
		w.put("/a/known", "two")
		w.Record()
		w.pass()
		p := w.plan("/a/", false, early, restore.Options{Options: plan.Options{Exact: true}})
		if got := actions(p); len(got) != 1 || got[0] != "skip /a/known" {
			t.Errorf("before the first listing: %v", got)
		}
		if got := actions(w.plan("/a/", false, then, restore.Options{})); len(got) != 1 || got[0] != "update /a/known: value" {
			t.Errorf("of a version from before the first observation: %v", got)
		}
	})
}

func TestTargets(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a", "/a/b", "/a/b/c", "/ab", "/newvoll/ssmbak/bucketname", "/newvoll/x"} {
			w.put(name, "one")
		}
		w.Record()
		then := w.pass()
		w.put("/new", "one")
		w.put("/new/below", "one")

		tests := []struct {
			text       string
			recursive  bool
			o          restore.Options
			want       string
			skippedOwn int
		}{
			{"/a", false, restore.Options{}, "/a", 0},
			{"/a", true, restore.Options{}, "/a/b /a/b/c", 0},
			{"/a/", false, restore.Options{}, "/a/b", 0},
			{"/ab", true, restore.Options{}, "/ab", 0},
			{"/a/b", false, restore.Options{}, "/a/b", 0},
			{"/none", false, restore.Options{}, "", 0},
			{"/", false, restore.Options{}, "/a /ab /new", 0},
			{"/newvoll", true, restore.Options{}, "/newvoll/x", 1},
			{"/newvoll", true, restore.Options{Options: plan.Options{Own: true}}, "/newvoll/ssmbak/bucketname /newvoll/x", 0},
			{"/newvoll/ssmbak/bucketname", false, restore.Options{}, "/newvoll/ssmbak/bucketname", 0},
			{"/newvoll/ssmbak", false, restore.Options{}, "", 1},
			{"/new", false, restore.Options{}, "/new", 0},
			{"/new", true, restore.Options{}, "/new/below", 0},
		}
		for _, test := range tests {
			p := w.plan(test.text, test.recursive, then, test.o)
			var names []string
			for _, item := range p.Items {
				names = append(names, string(item.Name))
			}
			if got := strings.Join(names, " "); got != test.want || len(p.SkippedOwn) != test.skippedOwn {
				t.Errorf("%s, recursive %v: got %s and skipped %v, want %s", test.text, test.recursive, got, p.SkippedOwn, test.want)
			}
		}
	})
}

// TestRequests counts the requests of a plan and a restore.
func TestRequests(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/1", "/a/2", "/a/3", "/a/4"} {
			w.put(name, secret, secureString("alias/app"))
		}
		w.Record()
		then := w.pass()
		w.put("/a/4", "two", secureString("alias/app"))
		w.Record()
		w.AWS.ResetCounts()
		p := w.plan("/a/", false, then, restore.Options{})
		want := map[string]int{
			"s3:GetObject":     4 + 2 + 2,                     // indexes, the two values of /a/4, and the reconcile state twice
			"s3:ListObjectsV2": 1, "s3:ListObjectVersions": 1, // the indexes and the register
			"ssm:DescribeParameters": 1, "ssm:ListTagsForResource": 4, "ssm:GetParameterHistory": 4,
		}
		if diff := cmp.Diff(w.AWS.Counts(), want); diff != "" {
			t.Errorf("requests of the plan (-got +want):\n%s", diff)
		}
		w.AWS.ResetCounts()
		w.apply(w.Context(), p, restore.Options{})
		want = map[string]int{"ssm:DescribeParameters": 1, "ssm:PutParameter": 1, "s3:PutObject": 2} // the record, before and after
		if diff := cmp.Diff(w.AWS.Counts(), want); diff != "" {
			t.Errorf("requests of the restore (-got +want):\n%s", diff)
		}
	})
}
