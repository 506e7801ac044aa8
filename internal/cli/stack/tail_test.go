package stackcli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

// tail does what `aws logs tail` of the second AWS CLI does, with exactly its requests.
// https://github.com/aws/aws-cli/blob/v2/awscli/customizations/logs/tail.py
type tail struct {
	*testing.T
	aws     *emulator.AWS
	request map[string]any
	seen    map[float64]map[string]bool // IDs of the events of the newest time, by time
	pages   int
}

func newTail(t *testing.T, aws *emulator.AWS, group string, since time.Duration) *tail {
	return &tail{t, aws, map[string]any{"logGroupName": group, "interleaved": true, "startTime": time.Now().Add(-since).UnixMilli()}, make(map[float64]map[string]bool), 0}
}

// page sends one request, and returns the new lines in the format short, and whether there are
// more pages. The next request continues, or asks for what is as new as the newest event.
func (l *tail) page() (lines []string, more bool) {
	l.Helper()
	l.pages++
	body, err := json.Marshal(l.request)
	if err != nil {
		l.Fatal(err)
	}
	r, err := http.NewRequestWithContext(l.Context(), http.MethodPost, "http://127.0.0.1:4566/", bytes.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Logs_20140328.FilterLogEvents")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20240613/us-east-1/logs/aws4_request")
	response, err := l.aws.Client().Do(r)
	if err != nil {
		l.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Events []struct {
			EventID, LogStreamName, Message string
			Timestamp, IngestionTime        float64
		}
		NextToken *string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		l.Fatalf("%s: %v", response.Status, err)
	}
	for _, e := range answer.Events {
		if e.EventID == "" || e.LogStreamName == "" || e.IngestionTime < e.Timestamp {
			l.Errorf("an event without what the format detailed prints: %+v", e)
		}
		if l.seen[e.Timestamp] == nil {
			l.seen[e.Timestamp] = make(map[string]bool)
		}
		if !l.seen[e.Timestamp][e.EventID] {
			l.seen[e.Timestamp][e.EventID] = true
			lines = append(lines, time.UnixMilli(int64(e.Timestamp)).UTC().Format("2006-01-02T15:04:05")+" "+e.Message)
		}
	}
	if len(l.seen) > 0 {
		newest := slices.Max(slices.Collect(maps.Keys(l.seen)))
		l.seen = map[float64]map[string]bool{newest: l.seen[newest]}
		if answer.NextToken == nil {
			l.request["startTime"] = newest
		}
	}
	if delete(l.request, "nextToken"); answer.NextToken != nil {
		l.request["nextToken"] = *answer.NextToken
	}
	return lines, answer.NextToken != nil
}

// all returns the lines of all pages.
func (l *tail) all() (lines []string) {
	l.Helper()
	for more := true; more; {
		var next []string
		next, more = l.page()
		lines = append(lines, next...)
	}
	return lines
}

// TestLogsTail checks that `aws logs tail` shows each line of the recorder's log once, with
// --since, --follow and --format short, on one page and on several.
func TestLogsTail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		e := local()
		b := &bench{TB: t, connection: testworld.Connection(e.Client()), emulated: e}
		if code, out := b.run("ssmbak-stack", "ssmbak", "create", "--no-fill"); code != 0 {
			t.Fatalf("create: exit %d\n%s", code, out)
		}
		const group = "/aws/lambda/ssmbak-recorder"
		at := time.Now()
		log := func(lines ...string) {
			for _, line := range lines {
				if _, err := e.Logs.Write([]byte(line + "\n")); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				for i := range got {
					got[i] = got[i][:min(len(got[i]), 60)]
				}
				t.Errorf("%s: %q", what, got)
			}
		}
		short := func(after time.Duration, line string) string {
			return at.Add(after).UTC().Format("2006-01-02T15:04:05") + " " + line
		}
		log("first")
		time.Sleep(9 * time.Minute)
		log("second", "third")
		const nine = 9 * time.Minute
		check("the last ten minutes", newTail(t, e, group, 10*time.Minute).all(), short(0, "first"), short(nine, "second"), short(nine, "third"))
		check("--since 1m", newTail(t, e, group, time.Minute).all(), short(nine, "second"), short(nine, "third"))
		follow := newTail(t, e, group, time.Minute)
		check("--follow", follow.all(), short(nine, "second"), short(nine, "third"))
		check("the next request", follow.all()) // they come again, since the times are equal
		log("fourth")
		check("the same millisecond", follow.all(), short(nine, "fourth"))
		time.Sleep(5 * time.Second)
		log("fifth")
		check("five seconds later", follow.all(), short(nine+5*time.Second, "fifth"))

		time.Sleep(time.Hour)
		at = time.Now()
		var want []string
		for i := range 5 {
			line := fmt.Sprint(i, strings.Repeat(".", 400_000))
			log(line)
			want = append(want, short(0, line))
		}
		for what, l := range map[string]*tail{"many pages": newTail(t, e, group, time.Minute), "--follow with many pages": follow} {
			before := l.pages
			check(what, l.all(), want...)
			if l.pages-before != 3 {
				t.Errorf("%s: %d requests", what, l.pages-before)
			}
		}
	})
}
