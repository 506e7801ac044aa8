package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/paramstore"
)

// asker is what a looker asks: each answer takes so long and shows what is there
// when it was half under way.
type asker struct {
	takes time.Duration

	mu    sync.Mutex
	there map[ssmbak.Name]int64
	asked [][]ssmbak.Name
	fail  error
}

func (a *asker) describe(names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
	a.mu.Lock()
	a.asked = append(a.asked, names)
	takes := a.takes
	a.mu.Unlock()
	time.Sleep(takes / 2)
	found := make(map[ssmbak.Name]paramstore.Description)
	a.mu.Lock()
	for _, n := range names {
		if v := a.there[n]; v != 0 {
			found[n] = paramstore.Description{Name: n, Version: ssmbak.Version{Number: v}}
		}
	}
	err := a.fail
	a.mu.Unlock()
	time.Sleep(takes / 2)
	return found, err
}

// set changes what is there.
func (a *asker) set(name ssmbak.Name, version int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.there[name] = version
}

func numbered(n int) (names []ssmbak.Name) {
	for i := range n {
		names = append(names, ssmbak.Name(fmt.Sprintf("/app/%03d", i)))
	}
	return names
}

// TestLooksAreFreshAndFew lets writes go at rates from 3 to 100 a second: each is
// looked at at most a second, and one request, before it, and the requests are
// about one a second.
func TestLooksAreFreshAndFew(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{3, 10, 40, 100} {
		synctest.Test(t, func(t *testing.T) {
			a := &asker{takes: 50 * time.Millisecond, there: make(map[ssmbak.Name]int64)}
			names := numbered(300)
			changed := make(map[ssmbak.Name]time.Time)
			for _, n := range names {
				a.there[n] = 1
			}
			l := newLooker(names, a.describe)
			began := time.Now()
			for i, n := range names {
				time.Sleep(time.Second / time.Duration(rate))
				later := names[(i*7)%len(names)]
				a.set(later, int64(i)+2)
				changed[later] = time.Now()
				found, err := l.look(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				if since := time.Since(changed[n]); found[n].Version.Number != a.there[n] && since > lookAge {
					t.Errorf("rate %d: %s was changed %s ago, which the look did not show", rate, n, since)
				}
			}
			// A look at 50 is used up sooner than in a second where 100 are written in it.
			most := int(time.Since(began).Seconds()) + 2 + len(names)/paramstore.DescribePage
			if len(a.asked) > most {
				t.Errorf("rate %d: %d requests, want at most %d", rate, len(a.asked), most)
			}
		})
	}
}

// TestLookShowsNothingThatBegan holds that no later look shows what is being written,
// and that a write waits for the look that is under way.
func TestLookShowsNothingThatBegan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(3)
		a := &asker{takes: time.Second / 2, there: map[ssmbak.Name]int64{names[0]: 1, names[1]: 1, names[2]: 1}}
		l := newLooker(names, a.describe)
		look := func(n ssmbak.Name) int64 {
			t.Helper()
			found, err := l.look(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			return found[n].Version.Number
		}
		look(names[0])
		time.Sleep(time.Second)
		var other int64
		done := make(chan struct{})
		go func() { other = look(names[1]); close(done) }() // asks again, for the third too
		synctest.Wait()
		a.set(names[2], 2)
		if got := look(names[2]); got != 2 {
			t.Errorf("version %d, want that of the look that was under way", got)
		}
		<-done
		want := [][]ssmbak.Name{names, names[1:]}
		if len(a.asked) != 2 || !slices.Equal(a.asked[0], want[0]) || !slices.Equal(a.asked[1], want[1]) || other != 1 {
			t.Errorf("asked %v, want %v", a.asked, want)
		}
	})
}

// TestLookFails holds that an error reaches those that wait for the look, and no
// others.
func TestLookFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(2)
		a := &asker{takes: time.Millisecond, there: map[ssmbak.Name]int64{}, fail: errors.New("broken")}
		l := newLooker(names, a.describe)
		if _, err := l.look(t.Context(), names[0]); err == nil {
			t.Error("no error")
		}
		a.fail = nil
		if _, err := l.look(t.Context(), names[1]); err != nil {
			t.Errorf("error %v of a look that another waited for", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.Sleep(2 * lookAge)
		a.takes = time.Hour
		time.AfterFunc(time.Second, cancel)
		if _, err := l.look(ctx, names[1]); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		time.Sleep(time.Hour)
	})
}

// TestLooksOfMany waits with more parameters than one request takes.
func TestLooksOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(175)
		a := &asker{takes: 10 * time.Millisecond, there: map[ssmbak.Name]int64{names[100]: 1}}
		l := newLooker(names, a.describe)
		done := make(chan int, len(names))
		for part := range slices.Chunk(names, 10) {
			go func() {
				found, err := l.look(t.Context(), part...)
				if err != nil {
					t.Error(err)
				}
				done <- len(found)
			}()
		}
		total := 0
		for range 18 {
			total += <-done
		}
		if total != 1 || len(a.asked) > 5 {
			t.Errorf("%d are there, %d requests", total, len(a.asked))
		}
		for _, asked := range a.asked {
			if len(asked) > paramstore.DescribePage {
				t.Errorf("%d names in one request", len(asked))
			}
		}
	})
}
