package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/moto"
	"github.com/ssmbak/ssmbak/internal/testkit/recorded"
)

func recordedCases(t *testing.T) []recorded.Case {
	t.Helper()
	all, err := recorded.Read("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRecorded plays the recorded cases on the emulator.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for i, c := range recordedCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var events []json.RawMessage
			a := emulator.New(emulator.Options{SSM: ssmapi.Options{Keys: []string{}, Emit: func(e ssmapi.Event) {
				mu.Lock()
				defer mu.Unlock()
				events = append(events, e.JSON())
			}}})
			p := &recorded.Player{Client: a.Client(), Endpoint: "http://127.0.0.1", Events: func() []json.RawMessage { return events }}
			for step, how := range p.Play(t, c, fmt.Sprint("case-", i)) {
				t.Errorf("step %d: %s\nrecorded: %s", step, how, c.Source)
			}
		})
	}
}

// TestRecordedOnMoto plays the same cases on moto, but where it is known to
// answer otherwise than AWS.
func TestRecordedOnMoto(t *testing.T) {
	t.Parallel()
	endpoint := moto.Start(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, c := range recordedCases(t) {
		p := &recorded.Player{Client: client, Endpoint: endpoint}
		different := p.Play(t, c, fmt.Sprint("case-", i))
		for step, how := range different {
			if c.Moto[fmt.Sprint(step)] == "" {
				t.Errorf("%s, step %d: moto differs: %s", c.Name, step, how)
			}
		}
		for step, why := range c.Moto {
			if n, err := strconv.Atoi(step); err != nil || n < 1 || n > len(c.Steps) {
				t.Errorf("%s has no step %q", c.Name, step)
			} else if different[n] == "" {
				t.Logf("%s, step %d: moto is right by now, though it was noted: %s", c.Name, n, why)
			}
		}
	}
}
