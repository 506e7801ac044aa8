package archive_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/emulator"
)

// headers notes the encryption header of each object that is written.
type headers struct {
	next aws.HTTPClient
	mu   sync.Mutex
	seen map[string]string
}

func (h *headers) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		h.mu.Lock()
		key := strings.TrimPrefix(r.URL.Path, "/archive/")
		h.seen[key] = strings.TrimSpace(r.Header.Get("X-Amz-Server-Side-Encryption") + " " + r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
		h.mu.Unlock()
	}
	return h.next.Do(r)
}

// TestEncryption changes the encryption headers of writers: the archive records only
// those that are not the default, and the next program that opens it uses them.
func TestEncryption(t *testing.T) {
	t.Parallel()
	local := emulator.New(emulator.Options{})
	local.S3.CreateBucket("archive", true)
	h := &headers{next: local.Client(), seen: make(map[string]string)}
	p := place{client: connect(t, awsconn.Options{HTTPClient: h}), bucket: "archive"}
	text := func() string {
		if all := local.S3.Versions("archive", ".ssmbak/archive"); len(all) > 0 {
			return string(all[0].Body)
		}
		return ""
	}
	keep := func(e archive.Encryption) error {
		a, err := p.open(t, func(o *archive.Options) { o.Encryption = &e })
		if err != nil {
			return err
		}
		return a.KeepEncryption(t.Context())
	}
	if err := keep(archive.Encryption{Values: archive.HeaderNone, Indexes: archive.HeaderS3}); err != nil || text() != "" {
		t.Errorf("the default made an archive: %s, %v", text(), err)
	}
	name := ssmbak.Name("/a")
	for i, test := range []struct {
		set                      archive.Encryption
		recorded, values, others string
	}{
		{archive.Encryption{Indexes: archive.HeaderNone}, `"encryption":{"indexes":"none"}`, "", ""},
		{archive.Encryption{Values: archive.HeaderS3, Indexes: archive.HeaderS3}, `"encryption":{"values":"AES256"}`, "AES256", "AES256"},
		{archive.Encryption{Values: testKey, Indexes: testKey}, `"encryption":{"values":"` + string(testKey) + `","indexes":"` + string(testKey) + `"}`, "aws:kms " + string(testKey), "aws:kms " + string(testKey)},
		{archive.Encryption{Values: archive.HeaderNone}, "", "", "AES256"},
	} {
		if err := keep(test.set); err != nil {
			t.Fatal(err)
		}
		writes := len(local.S3.Versions("archive", ".ssmbak/archive"))
		if err := keep(test.set); err != nil || len(local.S3.Versions("archive", ".ssmbak/archive")) != writes {
			t.Errorf("%+v: the same again was written again, %v", test.set, err)
		}
		if !strings.Contains(text(), test.recorded) || test.recorded == "" && strings.Contains(text(), "encryption") {
			t.Errorf("%+v is recorded as %s", test.set, text())
		}
		a := p.ready(t)
		begin(t, a, name, int64(i+1))
		name += "a"
		for key, got := range h.seen {
			want := test.others
			if strings.HasPrefix(key, "/") {
				want = test.values
			}
			if got != want {
				t.Errorf("%+v: %s was written with %q, want %q", test.set, key, got, want)
			}
		}
		clear(h.seen)
	}
}

// TestForeignKey refuses a key that is not of the archive's account, since who
// holds it would hold all that is written from then on.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	local := emulator.New(emulator.Options{})
	local.S3.CreateBucket("archive", true)
	p := place{client: connect(t, awsconn.Options{HTTPClient: local.Client()}), bucket: "archive"}
	for _, header := range []string{"arn:aws:kms:us-east-1:999999999999:key/theirs", "arn:aws:kms:eu-west-1:123456789012:key/far", "alias/app", "aws:kms"} {
		if _, err := p.open(t, func(o *archive.Options) { o.Encryption = &archive.Encryption{Values: archive.Header(header)} }); err == nil {
			t.Errorf("%s is taken", header)
		}
		p.put(t, ".ssmbak/archive", `{"format":1,"account":"123456789012","region":"us-east-1","created":"2024-06-13T20:10:54Z","encryption":{"indexes":"`+header+`"}}`)
		var damaged *archive.DamagedError
		if _, err := p.open(t); !errors.As(err, &damaged) {
			t.Errorf("%s in the archive: %v, want a DamagedError", header, err)
		}
		p.remove(t, ".ssmbak/archive", local.S3.Versions("archive", ".ssmbak/archive")[0].VersionID)
	}
}

// TestExplicitDeny checks that an error contains AWS's message about a policy that
// forbids a header.
func TestExplicitDeny(t *testing.T) {
	t.Parallel()
	const said = `User: arn:aws:iam::123456789012:user/me is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::archive/.ssmbak/archive" with an explicit deny in a service control policy`
	local := emulator.New(emulator.Options{})
	local.S3.CreateBucket("archive", true)
	p := place{client: connect(t, awsconn.Options{HTTPClient: denying{local.Client(), said}}), bucket: "archive"}
	a, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	var api smithy.APIError
	if err := a.Establish(t.Context()); !errors.As(err, &api) || api.ErrorMessage() != said {
		t.Errorf("establish: %v", err)
	} else if message, hint, _ := shell.ExplainAWS(err); !strings.Contains(message, said) || !strings.Contains(hint, "--index-header") || strings.Contains(hint, "allow s3") {
		t.Errorf("it is explained as %q, hint %q", message, hint)
	}
}

// denying refuses every write.
type denying struct {
	next aws.HTTPClient
	said string
}

func (d denying) Do(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return d.next.Do(r)
	}
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader("<Error><Code>AccessDenied</Code><Message>" + strings.ReplaceAll(d.said, `"`, "&quot;") + "</Message></Error>")),
	}, nil
}
