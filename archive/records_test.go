package archive

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/timeline"
)

// restores is an archive on an emulated S3, and that.
func restores(t *testing.T) (*Archive, *emulator.AWS, *s3.Client) {
	t.Helper()
	local := emulator.New(emulator.Options{})
	conn, err := awsconn.Load(t.Context(), awsconn.Options{
		Anonymous: true, Region: "us-east-1", EndpointURL: "http://127.0.0.1", HTTPClient: local.Client(),
		MaxAttempts: 3, Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	local.S3.CreateBucket("archive", true)
	a, err := Open(t.Context(), conn.S3(), Options{Bucket: "archive", Account: "123456789012", Region: "us-east-1"})
	if err == nil {
		err = a.Establish(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, local, conn.S3()
}

var began = time.Date(2024, 6, 13, 20, 10, 54, 123e6, time.UTC)

func decodeRecord(id string, body []byte) (*plan.Document, error) {
	r, _, err := decode(&recordKind, recordsPrefix+id, body)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// full is a record in which everything is set.
func full(id string) *plan.Document {
	version := timeline.Version{
		Version: ssmbak.Version{
			Number: 3, Time: 1_718_309_454_123, User: "arn:aws:iam::123456789012:user/me",
			Attributes: ssmbak.Attributes{
				Type: ssmbak.TypeSecureString, KeyID: "alias/app", Tier: "Advanced", DataType: "text",
				Description: "é\n\"", AllowedPattern: "^a", Policies: `[{"Type":"NoChangeNotification"}]`,
			},
		},
		Objects: []timeline.ObjectRef{{ID: "o1", Written: 1_718_309_455_000}, {ID: "o2"}},
	}
	after := version
	after.Number, after.Time = 4, 0
	return &plan.Document{
		Applied: plan.Applied{ID: id, Began: began, Ended: began.Add(time.Minute), Arguments: "restore /app/ 2024-06-13 -R"},
		By:      "arn:aws:sts::123456789012:assumed-role/admin/me",
		Account: "123456789012", Region: "us-east-1", Bucket: "archive", From: &plan.DocumentSource{Bucket: "copy"},
		Target: "/app/", Recursive: true, At: 1_718_300_000_999, Until: 1_718_300_001_999, Unchanged: 3,
		Options: plan.Options{Exact: true, Version: &timeline.Ref{Number: 3}, Only: []string{"a"}, KeyMap: map[string]string{"alias/a": "alias/b"}},
		Items: []plan.DocumentItem{
			{
				Name: "/app/a", Action: "update", Replaces: true, Attributes: []ssmbak.Attribute{"value", "tag env"},
				Before: &plan.DocumentSide{Source: "/app/a", Version: version, Tags: map[string]string{}, Labels: map[string]int64{"blue": 2}},
				After: &plan.DocumentSide{
					Source: "/other/a", Version: after, Recorded: version.Ref(), From: []timeline.ObjectRef{{ID: "o3"}}, Tags: map[string]string{"env": ""},
				},
				Conflicts: []plan.Conflict{{Unit: "label blue", Reason: "it changed since"}}, Reason: "recreated", Notices: []string{"its tier stays"},
				AppliedItem: plan.AppliedItem{Status: plan.StatusFailed, Written: 4, Error: "it was throttled"},
			},
			{Name: "/app/b", Action: "delete", Attributes: []ssmbak.Attribute{}, Before: &plan.DocumentSide{Source: "/app/b", Version: version}},
		},
	}
}

func TestRestoreRecords(t *testing.T) {
	t.Parallel()
	a, local, _ := restores(t)
	const id = "20240613T201054Z-abc123"
	r := full(id)
	r.Ended, r.Items[0].Status, r.Items[0].Written, r.Items[0].Error = time.Time{}, "", 0, ""
	if err := a.BeginRestore(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := a.RestoreRecord(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	// No tags differ from unknown tags.
	if diff := cmp.Diff(got, r); diff != "" || got.Format != recordKind.Format || got.Writer == "" {
		t.Errorf("the record when it began, of %s (-got +want):\n%s", got.Writer, diff)
	}
	r = full(id)
	if err := a.EndRestore(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err = a.RestoreRecord(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, r); diff != "" {
		t.Errorf("the record when it ended (-got +want):\n%s", diff)
	}
	if n := len(local.S3.Versions("archive", recordsPrefix+id)); n != 2 {
		t.Errorf("%d versions of the record, want both", n)
	}
}

// TestRestoreIDTaken never writes over the record of another restore.
func TestRestoreIDTaken(t *testing.T) {
	t.Parallel()
	a, local, _ := restores(t)
	const id = "20240613T201054Z-abc123"
	if err := a.BeginRestore(t.Context(), full(id)); err != nil {
		t.Fatal(err)
	}
	other := full(id)
	other.Target = "/other/"
	if err := a.BeginRestore(t.Context(), other); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("the id of another: %v, want a conflict", err)
	}
	if got, err := a.RestoreRecord(t.Context(), id); err != nil || got.Target != "/app/" {
		t.Errorf("the record is of %s, %v", got.Target, err)
	}
	// The same request, sent again because its answer was lost, is no other.
	const second = "20240613T201054Z-def456"
	local.Faults.Add(emulator.Rule{Service: "s3", Op: "PutObject", KeyPrefix: recordsPrefix, Times: 1, Fault: emulator.Fault{LostAfter: true}})
	if err := a.BeginRestore(t.Context(), full(second)); err != nil {
		t.Errorf("an answer that was lost: %v", err)
	}
	if n := len(local.S3.Versions("archive", recordsPrefix+second)); n != 1 {
		t.Errorf("it was written %d times", n)
	}
}

func TestRestoreIDs(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 3600)
	if got, want := NewRestoreID(time.Date(2024, 1, 1, 0, 30, 0, 999e6, zone), "abc"), "20231231T233000Z-abc"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	a, local, _ := restores(t)
	local.ResetCounts()
	for _, id := range []string{
		"", "x", "20240613T201054Z", "20240613T201054Z-", "20240613T201054Z-ABC", "20240613T201054-abc", "20240613T201054Z-" + strings.Repeat("a", 33),
		"20240613T201054Z-a/b", "../archive", "20240613T201054Z-a\n",
	} {
		if _, err := a.RestoreRecord(t.Context(), id); !errors.Is(err, ErrNoRestore) {
			t.Errorf("%q: %v, want ErrNoRestore", id, err)
		}
		for _, write := range []func(*plan.Document) error{
			func(r *plan.Document) error { return a.BeginRestore(t.Context(), r) }, func(r *plan.Document) error { return a.EndRestore(t.Context(), r) },
		} {
			if err := write(full(id)); err == nil || !strings.Contains(err.Error(), "is not the ID of a restore") {
				t.Errorf("%q is written: %v", id, err)
			}
		}
	}
	if n := local.Counts(); len(n) != 0 {
		t.Errorf("requests for what is no id: %v", n)
	}
	if _, err := a.RestoreRecord(t.Context(), "20240613T201054Z-none"); !errors.Is(err, ErrNoRestore) {
		t.Errorf("one that was not recorded: %v, want ErrNoRestore", err)
	}
}

func TestRestoreList(t *testing.T) {
	t.Parallel()
	a, _, client := restores(t)
	if all, more, err := a.RestoreRecords(t.Context(), 0); err != nil || len(all) != 0 || more != 0 {
		t.Errorf("of nothing: %v, %d, %v", all, more, err)
	}
	var ids []string
	for i := range 12 {
		// Hours make the order of the text another than that of the numbers.
		id := NewRestoreID(began.Add(time.Duration(i)*3*time.Hour), fmt.Sprint(9-i%10))
		ids = append(ids, id)
		if err := a.BeginRestore(t.Context(), full(id)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(ids)
	put := func(name, text string) {
		key, bucket := recordsPrefix+name, "archive"
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	put("README", "an object of another program")
	put("20240613T201054Z-x/y", "that too")
	for _, limit := range []int{0, 1, 5, 11, 12, 13} {
		all, more, err := a.RestoreRecords(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range all {
			got = append(got, r.ID)
		}
		want := ids
		if limit > 0 {
			want = ids[:min(limit, len(ids))]
		}
		if diff := cmp.Diff(got, want); diff != "" || more != len(ids)-len(want) {
			t.Errorf("limit %d: %d more (-got +want):\n%s", limit, more, diff)
		}
	}
	const damaged = "20990101T000000Z-damaged"
	put(damaged, "no record")
	var d *DamagedError
	if all, _, err := a.RestoreRecords(t.Context(), 0); !errors.As(err, &d) || d.Key != recordsPrefix+damaged || len(all) != len(ids) {
		t.Errorf("one that is damaged: %v, want a DamagedError that names it, and the others", err)
	}
}

// TestNewestRestores checks that restores of one second come in the order of their beginning,
// whatever the rest of their IDs is.
func TestNewestRestores(t *testing.T) {
	t.Parallel()
	a, _, _ := restores(t)
	for _, x := range []struct {
		id   string
		late time.Duration
	}{
		{"20240613T201053Z-z", 0}, {"20240613T201054Z-z", 1}, {"20240613T201054Z-a", 3}, {"20240613T201054Z-m", 2}, {"20240613T201055Z-a", 0},
	} {
		r := full(x.id)
		r.Began = began.Add(x.late * time.Millisecond)
		if err := a.BeginRestore(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"20240613T201055Z-a", "20240613T201054Z-a", "20240613T201054Z-m", "20240613T201054Z-z", "20240613T201053Z-z"}
	all, _, err := a.RestoreRecords(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var listed, newest []string
	for _, r := range all {
		listed = append(listed, r.ID)
	}
	for r, err := range a.NewestRestores(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		newest = append(newest, r.ID)
	}
	if !slices.Equal(listed, want) || !slices.Equal(newest, want) {
		t.Errorf("got %v and %v, want %v", listed, newest, want)
	}
}

// TestRestoreDamaged checks that damaged and newer records are refused.
func TestRestoreDamaged(t *testing.T) {
	t.Parallel()
	const id = "20240613T201054Z-abc"
	good, err := json.Marshal(full(id))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(good), `"format":0`, `"format":1`, 1)
	tests := []struct {
		name   string
		body   []byte
		format bool // a FormatError, else a DamagedError
		says   string
	}{
		{name: "not compressed", body: []byte(text), says: "gzip"},
		{name: "cut short", body: zipped(text)[:60], says: "EOF"},
		{name: "empty", body: nil, says: "EOF"},
		{name: "no JSON", body: zipped("record"), says: "not a JSON object"},
		{name: "two of them", body: zipped(text + text), says: "not a JSON object"},
		{name: "no format", body: zipped(string(good)), says: "no format"},
		{name: "for newer readers", body: zipped(strings.Replace(text, `"format":1`, `"format":3,"reader":2`, 1)), format: true, says: "use a newer ssmbak"},
		{name: "for newer readers, of another shape", body: zipped(`{"format":2,"reader":2,"items":"none"}`), format: true, says: "use a newer ssmbak"},
		{name: "another one's", body: zipped(strings.Replace(text, id, id+"d", 1)), says: id + "d"},
		{name: "wrong type", body: zipped(strings.Replace(text, `"written":4`, `"written":"4"`, 1)), says: "written"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := decodeRecord(id, test.body)
			var format *FormatError
			var damaged *DamagedError
			if r != nil || errors.As(err, &format) != test.format || errors.As(err, &damaged) == test.format || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	if r, err := decodeRecord(id, zipped(text)); err != nil || r.ID != id {
		t.Errorf("the intact one: %v", err)
	}
	t.Run("changed in the bucket", func(t *testing.T) {
		t.Parallel()
		a, local, _ := restores(t)
		if err := a.BeginRestore(t.Context(), full(id)); err != nil {
			t.Fatal(err)
		}
		key := recordsPrefix + id
		local.S3.Corrupt("archive", key, local.S3.Versions("archive", key)[0].VersionID, zipped(text))
		var damaged *DamagedError
		if _, err := a.RestoreRecord(t.Context(), id); !errors.As(err, &damaged) || damaged.Key != key {
			t.Errorf("%v, want a DamagedError", err)
		}
	})
	t.Run("under a delete marker", func(t *testing.T) {
		t.Parallel()
		a, _, client := restores(t)
		if err := a.BeginRestore(t.Context(), full(id)); err != nil {
			t.Fatal(err)
		}
		key, bucket := recordsPrefix+id, "archive"
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.RestoreRecord(t.Context(), id); !errors.Is(err, ErrNoRestore) {
			t.Errorf("%v, want ErrNoRestore", err)
		}
	})
}

// TestRestoreFuture reads a record in which a newer program has added a field everywhere.
func TestRestoreFuture(t *testing.T) {
	t.Parallel()
	const id = "20240613T201054Z-abc"
	want := full(id)
	want.Format = 1
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	objects := 0
	var extend func(field string, v any)
	extend = func(field string, v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				extend(field, element)
			}
		case map[string]any:
			if field == "tags" || field == "labels" || field == "keyMap" {
				return
			}
			for field, below := range v {
				extend(field, below)
			}
			v["later"] = []any{map[string]any{"than": "this"}}
			objects++
		}
	}
	extend("", fields)
	if text, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(id, zipped(string(text)))
	if diff := cmp.Diff(got, want); err != nil || diff != "" || objects < 15 {
		t.Errorf("with %d more fields: %v (-got +want):\n%s", objects, err, diff)
	}
}

// TestRestoreBomb unpacks no more of a record than one can be.
func TestRestoreBomb(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it unpacks 256 MiB")
	}
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	if _, err := io.CopyN(zip, spaces{}, recordKind.Limit+1); err != nil {
		t.Fatal(err)
	}
	_ = zip.Close()
	var damaged *DamagedError
	if _, err := decodeRecord("20240613T201054Z-abc", buf.Bytes()); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "bytes uncompressed") {
		t.Errorf("%v, want a DamagedError", err)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestRestoreDenied says which restore could not be recorded or read.
func TestRestoreDenied(t *testing.T) {
	t.Parallel()
	const id = "20240613T201054Z-abc"
	a, local, _ := restores(t)
	local.Faults.Add(emulator.Rule{Service: "s3", KeyPrefix: recordsPrefix, Fault: emulator.Denied})
	if err := a.BeginRestore(t.Context(), full(id)); err == nil || !strings.Contains(err.Error(), "record restore "+id) {
		t.Errorf("begin: %v", err)
	}
	if err := a.EndRestore(t.Context(), full(id)); err == nil || !strings.Contains(err.Error(), "record restore "+id) {
		t.Errorf("end: %v", err)
	}
	if _, err := a.RestoreRecord(t.Context(), id); err == nil || errors.Is(err, ErrNoRestore) || !strings.Contains(err.Error(), id) {
		t.Errorf("read: %v", err)
	}
	local.Faults.Clear()
	local.Faults.Add(emulator.Rule{Service: "s3", Op: "ListObjectsV2", Fault: emulator.Denied})
	if _, _, err := a.RestoreRecords(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "list .ssmbak/restores/ of bucket archive") {
		t.Errorf("list: %v", err)
	}
}

// FuzzDecodeRestore checks that a decoded record can be encoded and decoded again without
// change, and that errors report only damage or a newer format.
func FuzzDecodeRestore(f *testing.F) {
	const id = "20240613T201054Z-abc"
	for _, r := range []*plan.Document{full(id), {Applied: plan.Applied{ID: id, Began: began, Undoes: "20240613T201053Z-x"}, Target: "/p", Items: []plan.DocumentItem{{Name: "/p"}}}} {
		r.Format, r.Writer = Format, "w"
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(zipped(string(text)), true)
		f.Add(text, false)
	}
	f.Add([]byte(`{"format":1,"id":"`+id+`"}`), false)
	f.Fuzz(func(t *testing.T, body []byte, raw bool) {
		if !raw { // else the compression is part of what is tried
			body = zipped(string(body))
		}
		r, err := decodeRecord(id, body)
		if err != nil {
			var format *FormatError
			var damaged *DamagedError
			if r != nil || !errors.As(err, &format) && !errors.As(err, &damaged) {
				t.Errorf("an error of another type: %v", err)
			}
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			return // a time that no JSON can hold
		}
		again, err := decodeRecord(id, zipped(string(text)))
		if err != nil {
			t.Fatalf("written and not read again: %v", err)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}
