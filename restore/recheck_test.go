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

// store answers the requests of a rechecker. A request takes the time takes and returns
// the versions at half of that.
type store struct {
	takes time.Duration

	mu       sync.Mutex
	versions map[ssmbak.Name]int64
	requests [][]ssmbak.Name
	fail     error
}

func (a *store) describe(names []ssmbak.Name) (map[ssmbak.Name]paramstore.Description, error) {
	a.mu.Lock()
	a.requests = append(a.requests, names)
	takes := a.takes
	a.mu.Unlock()
	time.Sleep(takes / 2)
	found := make(map[ssmbak.Name]paramstore.Description)
	a.mu.Lock()
	for _, n := range names {
		if v := a.versions[n]; v != 0 {
			found[n] = paramstore.Description{Name: n, Version: ssmbak.Version{Number: v}}
		}
	}
	err := a.fail
	a.mu.Unlock()
	time.Sleep(takes / 2)
	return found, err
}

// set changes the version of a parameter.
func (a *store) set(name ssmbak.Name, version int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.versions[name] = version
}

func numbered(n int) (names []ssmbak.Name) {
	for i := range n {
		names = append(names, ssmbak.Name(fmt.Sprintf("/app/%03d", i)))
	}
	return names
}

// TestRecheckRate writes at rates from 3 to 100 per second, and checks that each parameter
// is read at most a second plus one request before its write, and that there is about one
// request per second.
func TestRecheckRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{3, 10, 40, 100} {
		synctest.Test(t, func(t *testing.T) {
			a := &store{takes: 50 * time.Millisecond, versions: make(map[ssmbak.Name]int64)}
			names := numbered(300)
			changed := make(map[ssmbak.Name]time.Time)
			for _, n := range names {
				a.versions[n] = 1
			}
			c := newRechecker(names, a.describe)
			began := time.Now()
			for i, n := range names {
				time.Sleep(time.Second / time.Duration(rate))
				later := names[(i*7)%len(names)]
				a.set(later, int64(i)+2)
				changed[later] = time.Now()
				found, err := c.read(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				if since := time.Since(changed[n]); found[n].Version.Number != a.versions[n] && since > recheckAge {
					t.Errorf("rate %d: %s was changed %s ago, which was not read", rate, n, since)
				}
			}
			// At a rate of 100, the 50 parameters of one request are written within half a second.
			most := int(time.Since(began).Seconds()) + 2 + len(names)/paramstore.DescribePage
			if len(a.requests) > most {
				t.Errorf("rate %d: %d requests, want at most %d", rate, len(a.requests), most)
			}
		})
	}
}

// TestRecheckStarted checks that parameters whose writes have started are not read again,
// and that a write waits for the running request.
func TestRecheckStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(3)
		a := &store{takes: time.Second / 2, versions: map[ssmbak.Name]int64{names[0]: 1, names[1]: 1, names[2]: 1}}
		c := newRechecker(names, a.describe)
		read := func(n ssmbak.Name) int64 {
			t.Helper()
			found, err := c.read(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			return found[n].Version.Number
		}
		read(names[0])
		time.Sleep(time.Second)
		var other int64
		done := make(chan struct{})
		go func() { other = read(names[1]); close(done) }() // requests the third one too
		synctest.Wait()
		a.set(names[2], 2)
		if got := read(names[2]); got != 2 {
			t.Errorf("version %d, want that of the running request", got)
		}
		<-done
		want := [][]ssmbak.Name{names, names[1:]}
		if len(a.requests) != 2 || !slices.Equal(a.requests[0], want[0]) || !slices.Equal(a.requests[1], want[1]) || other != 1 {
			t.Errorf("requests %v, want %v", a.requests, want)
		}
	})
}

// TestRecheckFails checks that an error is returned to the writes that wait for the
// request, and to no others.
func TestRecheckFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(2)
		a := &store{takes: time.Millisecond, versions: map[ssmbak.Name]int64{}, fail: errors.New("broken")}
		c := newRechecker(names, a.describe)
		if _, err := c.read(t.Context(), names[0]); err == nil {
			t.Error("no error")
		}
		a.fail = nil
		if _, err := c.read(t.Context(), names[1]); err != nil {
			t.Errorf("error %v of a request that another write waited for", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.Sleep(2 * recheckAge)
		a.takes = time.Hour
		time.AfterFunc(time.Second, cancel)
		if _, err := c.read(ctx, names[1]); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		time.Sleep(time.Hour)
	})
}

// TestRecheckMany waits with more parameters than one request accepts.
func TestRecheckMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := numbered(175)
		a := &store{takes: 10 * time.Millisecond, versions: map[ssmbak.Name]int64{names[100]: 1}}
		c := newRechecker(names, a.describe)
		done := make(chan int, len(names))
		for part := range slices.Chunk(names, 10) {
			go func() {
				found, err := c.read(t.Context(), part...)
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
		if total != 1 || len(a.requests) > 5 {
			t.Errorf("%d exist, %d requests", total, len(a.requests))
		}
		for _, names := range a.requests {
			if len(names) > paramstore.DescribePage {
				t.Errorf("%d names in one request", len(names))
			}
		}
	})
}
