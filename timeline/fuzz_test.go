package timeline_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/timeline"
)

// seeds are facts in the format of an index.
var seeds = []string{
	`{}`,
	`{"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String"}]}`,
	`{"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String","events":["e1"],"objects":[{"id":"o1","written":"2024-06-13T20:10:55Z"}]},
	  {"number":3,"time":"2024-06-13T20:11:54.123Z","type":"SecureString","unreadable":"why"}],
	  "deletions":[{"event":"e2","second":1718309600}],
	  "looks":[{"newest":{"number":3,"time":"2024-06-13T20:11:54.123Z"},"oldest":2,"sure":"2024-06-13T20:12:00Z","seen":"2024-06-13T20:12:10Z"},
	           {"gone":true,"sure":"2024-06-13T20:20:00Z","seen":"2024-06-13T20:20:10Z"}]}`,
	`{"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String"},{"number":1,"time":"2024-06-13T20:10:54.9Z","type":"String"}],
	  "deletions":[{"event":"e2","second":1718309454},{"event":"e3","second":1718309454}],
	  "traces":[{"event":"e4","second":1718309455,"operation":"Create"}]}`,
	`{"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String"},{"number":2,"time":"2024-06-13T20:10:54.1Z","since":"2024-06-13T20:10:54.124Z","type":"String"},
	   {"number":3,"time":"2024-06-13T20:10:54.1Z","type":"String"}],
	  "labels":[{"event":"e1","second":1718309455,"label":"prod","from":1,"to":2},{"event":"e1","second":1718309455},{"event":"e2","second":1718309455,"label":"prod","from":2,"to":3}]}`,
	`{"versions":[{"number":2,"time":"2024-06-13T20:10:54.123Z","type":"String"}],
	  "tags":[{"tags":{"a":"b"},"event":"e3","second":1718309455,"counter":2},{"tags":{},"sure":"2024-06-13T20:12:00Z","seen":"2024-06-13T20:13:00Z"}],
	  "labels":[{"labels":{"prod":2},"seen":"2024-06-13T20:13:00Z"}],
	  "originals":[{"id":"o0","second":1718300000,"lastModified":"2024-06-13T17:33:21Z","type":"String"},
	               {"id":"o1","sequence":1,"deleted":true,"lastModified":"2024-06-13T17:40:00Z"}]}`,
	`{"versions":[{"number":1,"time":"2024-06-13T20:10:54.123Z","type":"String"}],"deletions":[{"event":"e2","second":1718309600}],
	  "tags":[{"tags":{"a":"b"},"event":"e3","second":1718309500,"counter":1}],"labels":[{"event":"e4","second":1718309500,"label":"prod","to":1}],
	  "calls":[{"event":"c1","second":1718309600,"api":"DeleteParameter","by":"a"},{"event":"c1","second":1718309601,"api":"DeleteParameter","by":"b"},
	   {"event":"c2","second":1718309500,"api":"AddTagsToResource","by":"a","tags":{"a":"b"}},{"event":"c2","second":1718309500,"api":"AddTagsToResource","by":"a","tags":{"a":null}},
	   {"event":"c2","second":1718309500,"api":"AddTagsToResource","by":"a","tags":{}},{"event":"c3","second":1718309500,"api":"LabelParameterVersion","by":"a","labels":["prod"],"version":1},
	   {"event":"c3","second":1718309500,"api":"LabelParameterVersion","by":"a","labels":[]},{"event":"c4","second":-9223372036854775808,"api":"PutParameter","by":"a","version":1},
	   {"event":"c5","second":9223372036854775807,"api":"?","by":""}]}`,
	`{"versions":[{"number":2,"time":"2024-06-13T20:10:54.123Z","type":"String"},{"number":4,"time":"2024-06-13T20:12:54.123Z","type":"String"},
	   {"number":9,"time":"2024-06-13T20:19:54.123Z","type":"String"}],"deletions":[{"event":"e2","second":1718309654}],
	  "looks":[{"newest":{"number":3,"time":"2024-06-13T20:11:00Z"},"oldest":1,"sure":"2024-06-13T20:11:10Z","seen":"2024-06-13T20:11:20Z"}],
	  "runs":[{"first":{"number":2,"time":"2024-06-13T20:10:54.123Z"},"last":{"number":9,"time":"2024-06-13T20:19:54.123Z"},"part":{"id":"p","version":"v","sha256":"00"}},
	   {"first":{"number":2,"time":"2024-06-13T20:10:54.123Z"},"last":{"number":1,"time":"2024-06-13T20:19:54.123Z"},"part":{"id":"q","version":"v","sha256":"00"}}]}`,
}

func decodeFacts(text string) (f timeline.Facts, ok bool) {
	return f, json.Unmarshal([]byte(text), &f) == nil
}

// FuzzTimeline checks that any facts, true or not, result in a timeline that covers
// all of time once and has an answer for every moment, in whatever order the facts
// arrive and however often.
func FuzzTimeline(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, int64(1_718_309_000_000), int64(1_718_309_500_000))
	}
	f.Fuzz(func(t *testing.T, text string, since, complete int64) {
		facts, ok := decodeFacts(text)
		if !ok {
			return
		}
		h := timeline.Coverage{Since: ssmbak.Time(since), Complete: ssmbak.Time(complete)}
		line := timeline.New("/n", facts, h)
		spans := line.Spans()
		if len(spans) == 0 || spans[0].From != ssmbak.MinTime || spans[len(spans)-1].Until != ssmbak.MaxTime {
			t.Fatalf("%d spans do not cover all of time: %+v", len(spans), spans)
		}
		for i, s := range spans {
			if s.From >= s.Until || i > 0 && s.From != spans[i-1].Until {
				t.Fatalf("span %d of %+v", i, spans)
			}
			for _, at := range []ssmbak.Time{s.From, s.Until - 1} {
				state, refs := line.At(at)
				if (state.Deleted || s.Kind != timeline.KindPresent) && len(refs) > 0 {
					t.Errorf("at %v the parameter does not exist but has a value: %+v", at, state)
				}
				if s.Unknown != (state.Certainty == ssmbak.Unknown) {
					t.Errorf("at %v the state of the span %+v is %s", at, s, state.Certainty)
				}
				if state.Certainty == ssmbak.Proved && s.Kind != timeline.KindPresent {
					t.Errorf("at %v absence is proved", at)
				}
			}
		}

		other := facts
		other.Versions, other.Deletions, other.Observations = reversed(facts.Versions), reversed(facts.Deletions), reversed(facts.Observations)
		other.Tags, other.Labels = reversed(facts.Tags), reversed(facts.Labels)
		other.MissedChanges, other.Legacy, other.Calls = reversed(facts.MissedChanges), reversed(facts.Legacy), reversed(facts.Calls)
		again := timeline.New("/n", timeline.Union(other, facts), h)
		if diff := cmp.Diff(line.Facts(), again.Facts()); diff != "" {
			t.Fatalf("the facts depend on their order (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(spans, again.Spans(), cmpopts.IgnoreUnexported(timeline.Span{})); diff != "" {
			t.Fatalf("the spans depend on the order of the facts (-first +again):\n%s", diff)
		}
	})
}

// FuzzUnion checks that the union of facts does not depend on their order or number.
func FuzzUnion(f *testing.F) {
	for _, a := range seeds {
		for _, b := range seeds {
			f.Add(a, b, seeds[2])
		}
	}
	f.Fuzz(func(t *testing.T, texts1, texts2, texts3 string) {
		a, ok1 := decodeFacts(texts1)
		b, ok2 := decodeFacts(texts2)
		c, ok3 := decodeFacts(texts3)
		if !ok1 || !ok2 || !ok3 {
			return
		}
		union := timeline.Union
		if diff := cmp.Diff(union(union(a, b), c), union(a, union(b, c))); diff != "" {
			t.Fatalf("not associative:\n%s", diff)
		}
		if diff := cmp.Diff(union(a, b), union(b, a)); diff != "" {
			t.Fatalf("not commutative:\n%s", diff)
		}
		both := union(a, b)
		if diff := cmp.Diff(both, union(both, both)); diff != "" {
			t.Fatalf("not idempotent:\n%s", diff)
		}
		for _, facts := range []timeline.Facts{a, both} {
			if diff := cmp.Diff(timeline.Canonical(facts), union(facts, timeline.Facts{})); diff != "" {
				t.Fatalf("not canonical:\n%s", diff)
			}
		}
	})
}

func reversed[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}
