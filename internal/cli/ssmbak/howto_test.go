package ssmbakcli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// stories are what happens before the commands of a page; [transcript.fill] if it has none.
var stories = map[string]func(*transcript){
	"account-gone.md":   (*transcript).loseAccount,
	"copy-elsewhere.md": (*transcript).copyElsewhere,
	"region-gone.md":    (*transcript).loseRegion,
}

// TestHowTo plays the commands of docs/how-to: those after "$", each page in an account of
// its own. Each must end with 0. UPDATE=1 writes their output into the pages.
func TestHowTo(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../../docs/how-to/*.md")
	if err != nil || len(paths) < 7 {
		t.Fatalf("there are %d pages: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(start))
				page := &transcript{t: t, user: "oncall", World: testworld.New(t, testworld.Options{Bucket: bucket})}
				if happens := stories[filepath.Base(path)]; happens != nil {
					happens(page)
				} else {
					page.fill()
				}
				for line := range strings.Lines(string(text)) {
					if command, ok := strings.CutPrefix(line, "    $ "); ok {
						page.run(0, strings.TrimSpace(command))
						time.Sleep(5 * time.Second) // the IDs of restores sort by second
					}
				}
				page.compare(path)
			})
		})
	}
}

// fill creates the parameters of an application at 20:00. At 20:10 a deployment breaks two
// of them and Alice raises a limit, as planned; at 20:12 an intern deletes one. It returns
// at 20:30.
func (i *transcript) fill() {
	put := func(user, name, value string, kind types.ParameterType) { putAs(i.World, user, name, value, kind, "") }
	put("terraform", "/app/api/url", "https://api.example.com", types.ParameterTypeString)
	put("terraform", "/app/api/timeout", "30", types.ParameterTypeString)
	put("terraform", "/app/db/host", "db.example.com", types.ParameterTypeString)
	put("terraform", "/app/db/password", "hunter2", types.ParameterTypeSecureString)
	put("terraform", "/app/limit", "100", types.ParameterTypeString)
	i.Record()
	time.Sleep(time.Until(start.Add(10 * time.Minute)))
	put("deploy", "/app/api/url", "undefined", types.ParameterTypeString)
	put("deploy", "/app/db/host", "undefined", types.ParameterTypeString)
	time.Sleep(5 * time.Second)
	put("alice", "/app/limit", "250", types.ParameterTypeString)
	time.Sleep(time.Until(start.Add(12 * time.Minute)))
	_, err := i.Connect(testworld.As(i.AWS.Client(), "intern")).SSM().DeleteParameter(i.Context(), &ssm.DeleteParameterInput{Name: aws.String("/app/db/password")})
	i.Must(err)
	time.Sleep(5 * time.Minute)
	i.Record()
	time.Sleep(time.Until(start.Add(30 * time.Minute)))
}

// putAs writes a parameter as an IAM user. A SecureString without a key has the default one.
func putAs(w *testworld.World, user, name, value string, kind types.ParameterType, key string) {
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)}
	if key != "" {
		in.KeyId = &key
	}
	_, err := w.Connect(testworld.As(w.AWS.Client(), user)).SSM().PutParameter(w.Context(), in)
	w.Must(err)
}
