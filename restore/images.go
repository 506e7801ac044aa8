package restore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
)

// imagePatience is the maximum time to wait for the validation of an image, and
// imageInterval the time between two checks.
const (
	imagePatience = 5 * time.Minute
	imageInterval = 2 * time.Second
)

// images waits for the validation of the images that one Apply wrote. It checks all of
// them with one request, and does not block other parameters.
type images struct {
	r *Restorer
	// slots limits the concurrent tasks. A parameter that waits releases its slot.
	slots chan struct{}

	ctx     context.Context // of the checks
	stop    func()
	watcher sync.WaitGroup

	mu       sync.Mutex
	waiting  map[ssmbak.Name]*unvalidated
	watching bool
}

// unvalidated is a version that Parameter Store has not stored yet.
type unvalidated struct {
	number int64
	done   chan error // with a buffer of one
}

// newImages returns the images of one Apply. They do not end with ctx, but by
// [images.end].
func newImages(ctx context.Context, r *Restorer) *images {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	return &images{r: r, ctx: ctx, stop: stop, slots: make(chan struct{}, r.o.Parallel), waiting: make(map[ssmbak.Name]*unvalidated)}
}

// end stops the checks when no parameter waits.
func (w *images) end() {
	w.stop()
	w.watcher.Wait()
}

// await waits until the version exists, for at most [imagePatience]. If it does not exist
// by then, the returned number is 0: AWS reports success but stores nothing if the account
// cannot use the image or the caller lacks ec2:DescribeImages.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
// https://github.com/boto/boto3/issues/3588
func (w *images) await(ctx context.Context, name ssmbak.Name, number int64) (int64, error) {
	<-w.slots
	defer func() { w.slots <- struct{}{} }()
	u := &unvalidated{number: number, done: make(chan error, 1)}
	w.mu.Lock()
	w.waiting[name] = u
	if !w.watching {
		w.watching = true
		w.watcher.Go(w.watch)
	}
	w.mu.Unlock()
	patience := time.NewTimer(imagePatience)
	defer patience.Stop()
	var err error
	select {
	case err = <-u.done:
		if err == nil {
			return number, nil
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		w.forget(name)
		return 0, fmt.Errorf("version %d did not appear within %s: AWS accepted the write but did not store it: "+
			"the AMI is not usable by this account, or the caller lacks ec2:DescribeImages", number, imagePatience)
	}
	w.forget(name)
	return number, fmt.Errorf("check whether version %d was stored: %w", number, err)
}

func (w *images) forget(name ssmbak.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, name)
}

// watch checks all waiting images until there are none.
func (w *images) watch() {
	for {
		names := w.names()
		if names == nil {
			return
		}
		found, err := w.r.live.DescribeNamed(w.ctx, names)
		w.mu.Lock()
		for _, name := range names {
			u := w.waiting[name]
			if d, there := found[name]; u != nil && (err != nil || there && d.Version.Number >= u.number) {
				u.done <- err
				delete(w.waiting, name)
			}
		}
		w.mu.Unlock()
		next := time.NewTimer(imageInterval)
		select {
		case <-next.C:
		case <-w.ctx.Done():
			next.Stop()
			return
		}
	}
}

// names returns the names of the waiting images. If there are none, watching ends.
func (w *images) names() (names []ssmbak.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.waiting {
		names = append(names, name)
	}
	w.watching = names != nil
	return names
}
