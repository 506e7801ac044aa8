package sweep

import (
	"testing"
	"time"
)

// TestRecord sweeps the recording of creations, updates, tags, labels, deletions and a
// second life. The queue delivers again what the function did not settle.
func TestRecord(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(*world) {},
		run: func(w *world, p *process) {
			w.record(p, func() {
				w.put("/app/a", "a1")
				w.put("/app/secret", "s1", secret)
				w.put("/app/a", "a2")
				w.tag("/app/secret", "blue")
				w.label("/app/secret", 1, "live")
				time.Sleep(3 * time.Minute) // nothing can be read of a deleted parameter
				w.remove("/app/a")
				time.Sleep(time.Minute)
				w.put("/app/a", "a3")
				w.put("/app/secret", "s2", secret)
				w.put("/app/b", "b1")
				time.Sleep(3 * time.Minute)
				w.remove("/app/b")
			})
		},
		heal: func(*world) {},
		late: true,
	}.sweep(t)
}

// TestReconcile sweeps a reconcile of parameters that were created, changed, tagged,
// deleted and recreated while all events were lost, and of indexes and entries of the
// register that have delete markers. The next reconcile heals.
func TestReconcile(t *testing.T) {
	t.Parallel()
	scene{
		prepare: func(w *world) {
			w.record(w.calm(), func() {
				w.put("/app/a", "a1")
				w.put("/app/b", "b1")
				w.put("/app/hidden", "h1")
				w.put("/app/secret", "s1", secret)
			})
			w.must(second(w.reconcile(w.calm())))
			w.lossy.Store(true)
			w.put("/app/a", "a2")
			w.tag("/app/a", "blue")
			w.remove("/app/b")
			w.put("/app/hidden", "h2")
			w.put("/app/new", "n1", secret)
			w.remove("/app/secret")
			time.Sleep(time.Minute)
			w.put("/app/secret", "s2", secret)
			w.lossy.Store(false)
			w.hide(".ssmbak/index/app/hidden")
			w.hide(".ssmbak/names/app/a")
		},
		run:  func(w *world, p *process) { _, _ = w.reconcile(p) }, // an error is allowed
		heal: func(w *world) { w.must(second(w.reconcile(w.calm()))) },
	}.sweep(t)
}
