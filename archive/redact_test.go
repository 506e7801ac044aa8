package archive_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/timeline"
)

// TestRedact removes every copy of one version, also one that no index names, and nothing
// else; and removes a copy that appears later when it is repeated.
func TestRedact(t *testing.T) {
	t.Parallel()
	_, p := emulated(t, 1)
	a := p.ready(t)
	known(t, a, "/a") // the index comes before the first value
	named, unnamed, other := valueOf(t, a, "/a", version(1)), valueOf(t, a, "/a", version(1)), valueOf(t, a, "/a", version(2))
	foreign := timeline.ObjectRef{ID: p.putID(t, "/a", "v", nil)}
	one, two := version(1), version(2)
	one.Objects, two.Objects = []timeline.ObjectRef{named}, []timeline.ObjectRef{other}
	known(t, a, "/a", one, two)
	r := timeline.Redaction{At: version(1).Time, By: "arn:aws:iam::123456789012:user/me"}
	done, err := a.Redact(t.Context(), "/a", one, r)
	if err != nil || done.Removed != 2 || len(done.Kept) != 0 {
		t.Fatalf("removed %+v, %v, want 2", done, err)
	}
	for id, left := range map[string]bool{named.ID: false, unnamed.ID: false, other.ID: true, foreign.ID: true} {
		if got := p.has(t, id); got != left {
			t.Errorf("object version %s is left: %v, want %v", id, got, left)
		}
	}
	x, err := a.Index(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := x.Facts.Version(one.Ref()); v.Redacted != r || len(v.Objects) > 0 {
		t.Errorf("the index says %+v", v)
	}
	if reader := p.stored(t, ".ssmbak/index/a")["reader"]; fmt.Sprint(reader) != "3" {
		t.Errorf("the index requires reader %v: programs that do not know redactions would read it", reader)
	}
	late := valueOf(t, a, "/a", version(1))
	if done, err := a.Redact(t.Context(), "/a", one, r); err != nil || done.Removed != 1 || p.has(t, late.ID) {
		t.Errorf("repeated: %+v, %v", done, err)
	}
}

// known adds versions to an index, and creates it if there is none.
func known(t *testing.T, a *archive.Writer, name ssmbak.Name, versions ...timeline.Version) {
	t.Helper()
	x, err := a.Index(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(t.Context(), x, add(versions...)); err != nil {
		t.Fatal(err)
	}
}

// has reports whether an object version of /a is left.
func (p place) has(t *testing.T, id string) bool {
	t.Helper()
	return slices.Contains(p.history(t, "/a"), id)
}

// TestRedactKept names the copies that S3 refuses to remove.
func TestRedactKept(t *testing.T) {
	t.Parallel()
	aws := emulator.New(emulator.Options{})
	aws.S3.CreateBucket("archive", true)
	p := place{client: connect(t, awsconn.Options{HTTPClient: undeletable{aws.Client()}, MaxAttempts: 1}), bucket: "archive"}
	a := p.ready(t)
	known(t, a, "/a")
	one := version(1)
	one.Objects = []timeline.ObjectRef{valueOf(t, a, "/a", one)}
	known(t, a, "/a", one)
	done, err := a.Redact(t.Context(), "/a", one, timeline.Redaction{At: one.Time, By: "me"})
	if err != nil || done.Removed != 0 || len(done.Kept) != 1 || done.Kept[0].ObjectVersion != one.Objects[0].ID || !strings.Contains(done.Kept[0].Reason, "object lock") {
		t.Errorf("%+v, %v", done, err)
	}
}

// undeletable refuses to remove object versions, as S3 does for one under Object Lock.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
type undeletable struct{ *http.Client }

func (d undeletable) Do(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodDelete || !r.URL.Query().Has("versionId") {
		return d.Client.Do(r)
	}
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader("<Error><Code>AccessDenied</Code><Message>Access Denied because object protected by object lock.</Message></Error>")),
	}, nil
}

// TestHolders finds the object versions with a value, of any parameter.
func TestHolders(t *testing.T) {
	t.Parallel()
	_, p := emulated(t, 1)
	a := p.ready(t)
	first, second := valueOf(t, a, "/a", version(2)), valueOf(t, a, "/b/c", version(2))
	valueOf(t, a, "/b/c", version(1)) // "v1" has the same size as "v2"
	valueOf(t, a, "/b/d", version(22))
	all, err := a.Holders(t.Context(), ssmbak.NewValue("v2"))
	want := []archive.Holder{
		{Name: "/a", ObjectVersion: first.ID, Version: version(2).Ref()},
		{Name: "/b/c", ObjectVersion: second.ID, Version: version(2).Ref()},
	}
	if err != nil || !slices.Equal(all, want) {
		t.Errorf("%+v, %v, want %+v", all, err, want)
	}
}
