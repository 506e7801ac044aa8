package emulator_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/s3api"
)

// TestCloud sends requests to buckets of other regions and accounts.
func TestCloud(t *testing.T) {
	t.Parallel()
	const mine, theirs = "111111111111", "222222222222"
	home := emulator.New(emulator.Options{Account: mine, Region: "eu-west-1"})
	global := emulator.New(emulator.Options{Account: mine, Region: "us-east-1", Seed: 1})
	vault := emulator.New(emulator.Options{Account: theirs, Region: "eu-west-1", Seed: 2})
	cloud := emulator.NewCloud(home, global, vault)
	home.S3.CreateBucket("home", true)
	global.S3.CreateBucket("global", true)
	vault.S3.CreateBucket("closed", true)
	vault.S3.CreateBucket("open", true)
	if err := vault.S3.Configure("open", s3api.Settings{Readers: []string{mine}}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := home.S3.Put("home", "key", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := cloud.Replicate("home", "open", nil); err != nil {
		t.Fatal(err)
	}
	send := func(account, region, method, path, owner string) (*http.Response, string, error) {
		r, err := http.NewRequestWithContext(context.Background(), method, "http://127.0.0.1/"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20240613/"+region+"/s3/aws4_request, SignedHeaders=host, Signature=0")
		if owner != "" {
			r.Header.Set("X-Amz-Expected-Bucket-Owner", owner)
		}
		answer, err := cloud.Client(account, nil).Do(r)
		if err != nil {
			return nil, "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer, string(body), err
	}
	versions := home.S3.Versions("home", "key")
	for _, test := range []struct {
		name, account, region, method, path, owner string
		status                                     int
		body, header, value                        string
	}{
		{"the own bucket", mine, "eu-west-1", "GET", "home/key", mine, 200, "two", "X-Amz-Version-Id", versions[0].VersionID},
		{"another region's", mine, "eu-west-1", "GET", "global/key", mine, 301, "PermanentRedirect", "X-Amz-Bucket-Region", "us-east-1"},
		{"another region's, HEAD", mine, "eu-west-1", "HEAD", "global", mine, 301, "", "X-Amz-Bucket-Region", "us-east-1"},
		{"another region's, from us-east-1", mine, "us-east-1", "GET", "home/key", mine, 400, "AuthorizationHeaderMalformed", "X-Amz-Bucket-Region", "eu-west-1"},
		{"no bucket", mine, "us-east-1", "GET", "none/key", mine, 404, "NoSuchBucket", "", ""},
		{"the wrong owner", mine, "eu-west-1", "GET", "home/key", theirs, 403, "AccessDenied", "", ""},
		{"another account's", mine, "eu-west-1", "GET", "closed/key", theirs, 403, "AccessDenied", "", ""},
		{"another account's, allowed", mine, "eu-west-1", "GET", "open/key", theirs, 200, "two", "X-Amz-Replication-Status", "REPLICA"},
		{"an older version of a replica", mine, "eu-west-1", "GET", "open/key?versionId=" + versions[1].VersionID, theirs, 200, "one", "X-Amz-Version-Id", versions[1].VersionID},
		{"another account's, allowed, but not the own", mine, "eu-west-1", "GET", "open/key", mine, 403, "AccessDenied", "", ""},
		{"a write to another account's", mine, "eu-west-1", "PUT", "open/key", theirs, 403, "AccessDenied", "", ""},
		{"an unknown account", "333333333333", "eu-west-1", "GET", "open/key", theirs, 403, "UnrecognizedClientException", "", ""},
	} {
		answer, body, err := send(test.account, test.region, test.method, test.path, test.owner)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if answer.StatusCode != test.status || !strings.Contains(body, test.body) || answer.Header.Get(test.header) != test.value {
			t.Errorf("%s: %s, %q, %s %q", test.name, answer.Status, body, test.header, answer.Header.Get(test.header))
		}
	}
	cloud.SwitchOff("us-east-1")
	if _, _, err := send(mine, "us-east-1", "GET", "global/key", mine); err == nil {
		t.Error("a region that is switched off answers")
	}
	cloud.CloseAccount(theirs)
	if answer, body, err := send(mine, "eu-west-1", "GET", "open/key", theirs); err != nil || answer.StatusCode != 403 || !strings.Contains(body, "AllAccessDisabled") {
		t.Errorf("a bucket of a closed account: %q, %v", body, err)
	}
}
