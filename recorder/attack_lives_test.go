package recorder_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/recorder"
)

const removal = "removal"

// change is one change of a parameter, so many ms after the world began.
type change struct {
	ms    int
	value string // or removal
}

// TestOneSecond has several lives end and begin within one second, while events
// come in any order. Every event comes in the end.
func TestOneSecond(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes []change
		synced  int                   // number of changes after which the queue is drained
		late    map[int]time.Duration // events by their place
		facts   []string
		answers map[int]string // by ms
		top     string
	}{
		{
			name: "deleted and recreated", synced: 1,
			changes: []change{{-20000, "a"}, {200, removal}, {500, "b"}},
			facts:   []string{"1 a", "1 b", "deletion"}, top: "b",
			answers: map[int]string{-20001: "last-known deleted", -20000: "proved a", -1: "last-known a", 0: "unknown a", 499: "unknown a", 500: "proved b", 20000: "last-known b"},
		},
		{
			name:    "deleted and recreated before any sync",
			changes: []change{{-20000, "a"}, {200, removal}, {500, "b"}},
			facts:   []string{"1 b", "deletion", "missed Create"}, top: "b",
			answers: map[int]string{-21001: "last-known deleted", -20000: "unknown deleted", 199: "unknown deleted", 499: "unknown deleted", 500: "proved b"},
		},
		{
			name:    "a life and the next, unobserved",
			changes: []change{{100, "a"}, {300, removal}, {600, "b"}},
			facts:   []string{"1 b", "deletion", "missed Create"}, top: "b",
			answers: map[int]string{-1001: "last-known deleted", 100: "unknown deleted", 300: "unknown deleted", 599: "unknown deleted", 600: "proved b"},
		},
		{
			name:    "a life and the next, events in reverse order",
			changes: []change{{100, "a"}, {300, removal}, {600, "b"}},
			late:    map[int]time.Duration{1: 2 * time.Hour, 2: time.Hour},
			facts:   []string{"1 b", "deletion", "missed Create"}, top: "b",
			answers: map[int]string{-1001: "last-known deleted", 100: "unknown deleted", 300: "unknown deleted", 599: "unknown deleted", 600: "proved b"},
		},
		{
			name: "two deletions", synced: 1,
			changes: []change{{-20000, "a"}, {100, removal}, {300, "b"}, {500, removal}},
			facts:   []string{"1 a", "deletion", "deletion", "missed Create"}, top: "a marker",
			answers: map[int]string{-20000: "proved a", -1001: "last-known a", -1: "unknown a", 99: "unknown a", 300: "unknown a", 999: "unknown a", 1000: "last-known deleted"},
		},
		{
			name: "two deletions, event of the first is last", synced: 1,
			changes: []change{{-20000, "a"}, {100, removal}, {300, "b"}, {500, removal}},
			late:    map[int]time.Duration{2: time.Hour},
			facts:   []string{"1 a", "deletion", "deletion", "missed Create"}, top: "a marker",
			answers: map[int]string{-20000: "proved a", -1001: "last-known a", -1: "unknown a", 99: "unknown a", 300: "unknown a", 999: "unknown a", 1000: "last-known deleted"},
		},
		{
			name: "two deletions, only the second life synced", synced: 3,
			changes: []change{{-20000, "a"}, {100, removal}, {300, "b"}, {500, removal}},
			facts:   []string{"1 b", "deletion", "deletion", "missed Create"}, top: "a marker",
			answers: map[int]string{-21001: "last-known deleted", -20000: "unknown deleted", 299: "unknown deleted"},
		},
		{
			name: "two deletions and a third life in one second", synced: 1,
			changes: []change{{-20000, "a"}, {100, removal}, {300, "b"}, {500, removal}, {800, "c"}},
			late:    map[int]time.Duration{2: time.Hour, 3: time.Minute},
			facts:   []string{"1 a", "1 c", "deletion", "deletion", "missed Create"}, top: "c",
			answers: map[int]string{-20000: "proved a", -1001: "last-known a", 99: "unknown a", 300: "unknown a", 799: "unknown a", 800: "proved c"},
		},
		{
			name: "two deletions and a third life later", synced: 1,
			changes: []change{{-20000, "a"}, {100, removal}, {300, "b"}, {500, removal}, {8000, "c"}},
			late:    map[int]time.Duration{5: time.Hour},
			facts:   []string{"1 a", "1 c", "deletion", "deletion", "missed Create"}, top: "c",
			answers: map[int]string{-20000: "proved a", -1001: "last-known a", 99: "unknown a", 300: "unknown a", 999: "unknown a", 7999: "last-known deleted", 8000: "proved c"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			queue := emulator.QueueOptions{Delay: func(id string) time.Duration { return test.late[nth(id)] }}
			attack(t, emulator.Options{Queue: queue}, func(t *testing.T, w *world) {
				zero := time.Now().Add(time.Minute)
				for i, c := range test.changes {
					time.Sleep(time.Until(zero.Add(time.Duration(c.ms) * time.Millisecond)))
					if c.value == removal {
						w.remove(t, "/a")
					} else {
						w.set(t, "/a", c.value)
					}
					if i+1 == test.synced {
						time.Sleep(time.Millisecond)
						w.drainBy(t, w.Recorder)
					}
				}
				w.drainBy(t, w.Recorder)
				if diff := cmp.Diff(test.facts, w.facts(t, "/a")); diff != "" {
					t.Errorf("facts (-want +got):\n%s", diff)
				}
				for ms, want := range test.answers {
					w.answers(t, "/a", moment{zero.Add(time.Duration(ms) * time.Millisecond), want})
				}
				w.wantCurrent(t, "/a", test.top)
				w.right(t, ssmbak.LastKnown, "/a")
				w.final(t, "/a")
				w.right(t, ssmbak.LastKnown, "/a")
			})
		})
	}
}

// TestLateDeletion lets the event of a deletion come before, between and long
// after what followed it.
func TestLateDeletion(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{300 * time.Millisecond, 20 * time.Second} {
		for _, late := range []time.Duration{0, 150 * time.Millisecond, 10 * time.Second, 25 * time.Second, time.Hour} {
			for _, birth := range []time.Duration{0, time.Hour} {
				t.Run(fmt.Sprintf("recreated after %v, its event %v late, that of the new life %v late", gap, late, birth), func(t *testing.T) {
					delays := map[int]time.Duration{2: late, 3: birth}
					queue := emulator.QueueOptions{Delay: func(id string) time.Duration { return delays[nth(id)] }}
					attack(t, emulator.Options{Queue: queue}, func(t *testing.T, w *world) {
						w.put(t, "/a", "first", ssmbak.TypeString)
						w.drainBy(t, w.Recorder)
						time.Sleep(time.Minute)
						deleted := time.Now()
						w.remove(t, "/a")
						time.Sleep(gap)
						reborn := time.Now()
						w.set(t, "/a", "second")
						w.drainBy(t, w.Recorder)
						if diff := cmp.Diff([]string{"1 first", "1 second", "deletion"}, w.facts(t, "/a")); diff != "" {
							t.Errorf("facts (-want +got):\n%s", diff)
						}
						w.answers(t, "/a",
							moment{deleted.Add(-time.Millisecond), "last-known first"},
							moment{deleted, "unknown first"},
							moment{reborn, "proved second"})
						if got := w.answer(t, "/a", time.Now()); got != "last-known second" && got != "proved second" {
							t.Errorf("now: %s, want second", got)
						}
						if gap > time.Second {
							w.answers(t, "/a", moment{deleted.Add(time.Second), "last-known deleted"}, moment{reborn.Add(-time.Millisecond), "last-known deleted"})
						} else {
							w.answers(t, "/a", moment{reborn.Add(-time.Millisecond), "unknown first"})
						}
						w.wantCurrent(t, "/a", "second")
						w.right(t, ssmbak.LastKnown, "/a")
						w.final(t, "/a")
						w.right(t, ssmbak.LastKnown, "/a")
					})
				})
			}
		}
	}
}

// TestManyVersionsUnseen creates many versions between two syncs, and a deletion
// among them or not.
func TestManyVersionsUnseen(t *testing.T) {
	t.Parallel()
	for _, n := range []int{99, 150} {
		for _, events := range []bool{true, false} {
			for _, deleted := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d versions, events come %v, deleted %v", n, events, deleted), func(t *testing.T) {
					o := emulator.Options{SSM: ssmapi.Options{HistoryPage: 20}}
					if !events {
						o = noEvents(o)
					}
					attack(t, o, func(t *testing.T, w *world) {
						w.put(t, "/a", "v1", ssmbak.TypeString)
						if err := w.Recorder.Sync(t.Context(), "/a"); err != nil {
							t.Fatal(err)
						}
						w.drainBy(t, w.Recorder)
						time.Sleep(time.Minute)
						first := time.Now()
						for i := range n {
							w.set(t, "/a", fmt.Sprint("v", i+2))
							time.Sleep(100 * time.Millisecond)
						}
						last := time.Now()
						if deleted {
							w.remove(t, "/a")
						}
						time.Sleep(2 * time.Second)
						w.drainBy(t, w.Recorder)
						w.final(t, "/a")
						level := ssmbak.Proved
						if events {
							level = ssmbak.LastKnown
						}
						w.right(t, level, "/a")
						// Of n+1 versions Parameter Store keeps 100: the first one that is
						// recorded after v1.
						oldest, missed := max(2, n+2-100), 0
						var want []string
						for i := range n {
							if i+2 >= oldest && !deleted {
								want = append(want, fmt.Sprintf("%d v%[1]d", i+2))
							}
						}
						if missed = n - len(want); !events {
							missed = 0
						} else if deleted {
							want = append(want, "deletion")
						}
						want = append([]string{"1 v1"}, want...)
						for range missed {
							want = append(want, "missed Update")
						}
						if diff := cmp.Diff(want, w.facts(t, "/a")); diff != "" {
							t.Errorf("facts (-want +got):\n%s", diff)
						}
						v1 := "unknown v1"
						switch {
						case !deleted && n < 100: // one sync read all of them
							v1 = "proved v1"
						case events && deleted: // up to the first version that was never read
							v1 = "last-known v1"
							w.answers(t, "/a", moment{last.Add(-time.Second), "unknown v1"})
						}
						w.answers(t, "/a", moment{first.Add(-2 * time.Second), v1})
						if !deleted {
							w.answers(t, "/a", moment{last.Add(-time.Millisecond), fmt.Sprint("proved v", n+1)})
						}
					})
				})
			}
		}
	}
}

// TestTenLives has ten lives, each synced or none, with and without events.
func TestTenLives(t *testing.T) {
	t.Parallel()
	for _, events := range []bool{true, false} {
		for _, synced := range []bool{true, false} {
			for _, alive := range []bool{true, false} {
				t.Run(fmt.Sprintf("events %v, each synced %v, last life ongoing %v", events, synced, alive), func(t *testing.T) {
					o := emulator.Options{}
					if !events {
						o = noEvents(o)
					}
					attack(t, o, func(t *testing.T, w *world) {
						begin := time.Now()
						for i := range 10 {
							time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Minute)))
							w.set(t, "/a", fmt.Sprint("life ", i+1))
							if synced {
								if err := w.Recorder.Sync(t.Context(), "/a"); err != nil {
									t.Fatal(err)
								}
							}
							time.Sleep(30 * time.Second)
							if i < 9 || !alive {
								w.remove(t, "/a")
							}
						}
						time.Sleep(2 * time.Second)
						w.drainBy(t, w.Recorder)
						if !events {
							time.Sleep(time.Minute)
							w.reconcile(t, recorder.ReconcileOptions{})
						}
						if !events && !synced && !alive {
							w.answers(t, "/a", moment{time.Now(), "no record"})
							return
						}
						level := ssmbak.Proved
						if events {
							level = ssmbak.LastKnown
						}
						w.right(t, level, "/a")
						var want []string
						for i := range 10 {
							begin, now := begin.Add(time.Duration(i)*time.Minute), ""
							switch {
							case i == 9 && alive, synced:
								want = append(want, fmt.Sprint("1 life ", i+1))
								w.answers(t, "/a", moment{begin, fmt.Sprint("proved life ", i+1)})
							case events:
								w.answers(t, "/a", moment{begin, "unknown deleted"})
							}
							switch {
							case i == 9:
								continue
							case events:
								now = "last-known deleted"
							case synced:
								now = fmt.Sprint("unknown life ", i+1)
							default: // never observed
								now = "last-known deleted"
							}
							w.answers(t, "/a", moment{begin.Add(40 * time.Second), now})
						}
						n := 10
						if alive {
							n = 9
						}
						for range n {
							if events {
								want = append(want, "deletion")
							}
						}
						for range n {
							if events && !synced {
								want = append(want, "missed Create")
							}
						}
						if diff := cmp.Diff(want, w.facts(t, "/a")); diff != "" {
							t.Errorf("facts (-want +got):\n%s", diff)
						}
						if !synced && !alive {
							w.wantCurrent(t, "/a", "nothing") // there never was a value
							return
						}
						w.final(t, "/a")
						w.right(t, level, "/a")
					})
				})
			}
		}
	}
}
