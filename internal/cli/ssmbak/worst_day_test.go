package ssmbakcli_test

import (
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// worstDay is the document whose commands and output [TestWorstDayDocument] writes.
const worstDay = "../../../docs/worst-day.md"

// incident is a shop whose parameters three people change within 20 seconds, and the
// terminal of the person who was woken up.
type incident struct{ *transcript }

func (i *incident) as(user string, do func(client *ssm.Client)) {
	do(i.Connect(testworld.As(i.AWS.Client(), user)).SSM())
}

func (i *incident) put(user, name, value string) {
	i.as(user, func(client *ssm.Client) {
		_, err := client.PutParameter(i.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: aws.Bool(true)})
		i.Must(err)
	})
}

// copied returns the first text in the output of the last command that a pattern's group
// matches.
func (i *incident) copied(pattern string) string {
	i.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(i.output)
	if m == nil {
		i.t.Fatalf("nothing matches %s:\n%s", pattern, i.output)
	}
	return m[1]
}

// TestWorstDayDocument plays docs/worst-day.md. After the first command, each command is
// copied from the output of a command before, with all of its arguments. UPDATE=1 writes
// the document's commands and output.
func TestWorstDayDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		i := &incident{&transcript{t: t, user: "oncall", World: testworld.New(t, testworld.Options{Bucket: bucket, Emulator: emulator.Options{TrailDelay: time.Minute}})}}
		i.AWS.SSM.StartTrail()
		i.happens()
		i.restored()
		if t.Failed() {
			return
		}
		i.compare(worstDay)
	})
}

// happens makes 40 parameters at 20:00 and changes them at 20:10.
func (i *incident) happens() {
	names := make([]string, 40)
	for n := range names {
		names[n] = fmt.Sprintf("/shop/%s/%s", []string{"api", "cart", "pay", "web"}[n/10], []string{"cache", "db-host", "db-name", "db-user", "limit", "log-level", "region", "retries", "timeout", "url"}[n%10])
		i.put("terraform", names[n], "v1")
	}
	i.Record()
	time.Sleep(time.Until(start.Add(10 * time.Minute)))
	for n, name := range names {
		switch {
		case name == "/shop/pay/limit": // the good change
			i.put("alice", name, "250")
		case n < 30 && n%10 != 9:
			i.put("deploy", name, "undefined")
		case n >= 30 && n < 36:
			i.as("intern", func(client *ssm.Client) {
				_, err := client.DeleteParameter(i.Context(), &ssm.DeleteParameterInput{Name: &name})
				i.Must(err)
			})
		}
		time.Sleep(500 * time.Millisecond)
	}
	time.Sleep(5 * time.Minute)
	i.Record()
	time.Sleep(time.Until(start.Add(30 * time.Minute)))
}

// restored is what the on-call person does.
func (i *incident) restored() {
	i.run(0, "ssmbak log /shop --recursive --since 25m --sets")
	sets := i.output
	// The changes of deploy, then those of intern: what is wrong. That of alice is right.
	i.run(0, i.copied("(?s)by [^ ]*user/deploy\n.*?`(ssmbak diff [^`]*)`"))
	for _, wrong := range []struct {
		user string
		code int
	}{{"deploy", 3}, {"intern", 0}} { // a change of alice is between those of deploy
		i.output = sets
		i.run(wrong.code, i.copied("(?s)by [^ ]*user/"+wrong.user+"\n.*?`(ssmbak revert [^`]*)`"))
	}
	i.output = sets
	i.run(0, i.copied("(?s)user/deploy\n.*?`(ssmbak diff [^`]* --exact)`"))
	i.output = sets
	i.run(0, i.copied("as a report: `(ssmbak log [^`]*)`"))
}
