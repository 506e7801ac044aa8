package restore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/restore"
)

func TestPath(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/app/deleted", "gone by then")
		w.put("/app/lost", "one")
		w.put("/app/damaged", "one")
		w.pass()
		w.remove("/app/deleted")
		w.put("/app/deep/er", "one")
		w.put("/app/a", secret, secureString("alias/app"))
		w.record()
		then := w.pass()
		w.put("/app/a", "two", secureString("alias/app"))
		w.put("/app/lost", "two")
		w.put("/app/new", "one")
		w.record()
		w.aws.S3.RemoveVersion(bucket, "/app/lost", w.aws.S3.Versions(bucket, "/app/lost")[1].VersionID)
		index := w.aws.S3.Versions(bucket, ".ssmbak/index/app/damaged")
		w.aws.S3.Corrupt(bucket, ".ssmbak/index/app/damaged", index[0].VersionID, []byte("{}"))

		path, err := restore.NewPath(w.archive, w.live, w.recorder, "/app/", true, then.Std())
		w.must(err)
		states, err := path.Preview(w.Context())
		if text := fmt.Sprint(err); !strings.HasPrefix(text, "read the record of /app/damaged: ") {
			t.Errorf("error %q does not name what cannot be read", text)
		}
		var got []string
		for _, s := range states {
			text := fmt.Sprintf("%s version %d", s.Name, s.Version.Number)
			switch {
			case s.Deleted:
				text = fmt.Sprintf("%s deleted", s.Name)
			case s.HasValue:
				text += " " + s.Value.Reveal()
			default:
				text += ": " + s.NoValue
			}
			got = append(got, text)
		}
		want := []string{
			"/app/a version 1 " + secret, "/app/deep/er version 1 one", "/app/deleted deleted",
			"/app/lost version 1: the value object is no longer in the bucket",
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("preview (-got +want):\n%s", diff)
		}
		result, err := path.Restore(w.Context())
		w.must(err)
		want = []string{
			"restored update /app/a version 3", "refused unknown /app/damaged", "unchanged none /app/deep/er",
			"unchanged none /app/deleted", "refused unknown /app/lost", "unchanged kept /app/new",
		}
		if diff := cmp.Diff(results(result.Outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		if _, err := restore.NewPath(w.archive, w.live, w.recorder, "no/path", true, then.Std()); err == nil {
			t.Error("a path that is none was taken")
		}
	})
}
