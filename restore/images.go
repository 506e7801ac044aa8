package restore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak"
)

// How long the validation of an image is waited for, and how often it is looked
// at.
const (
	imagePatience = 5 * time.Minute
	imageLook     = 2 * time.Second
)

// images waits for the images that one Apply wrote: for all of them at once, with
// few requests, while others are worked on.
type images struct {
	r *Restorer
	// slots bounds what is worked on at once; a parameter that waits gives its
	// slot back.
	slots chan struct{}

	ctx     context.Context // of the looks
	stop    func()
	watcher sync.WaitGroup

	mu       sync.Mutex
	waiting  map[ssmbak.Name]*unvalidated
	watching bool
}

// unvalidated is a version that Parameter Store has not stored yet.
type unvalidated struct {
	number int64
	done   chan error // takes one answer
}

// newImages returns the images of one Apply. What it waits for outlives ctx, as the
// writes that are waited for do; [images.end] ends it.
func newImages(ctx context.Context, r *Restorer) *images {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	return &images{r: r, ctx: ctx, stop: stop, slots: make(chan struct{}, r.o.Parallel), waiting: make(map[ssmbak.Name]*unvalidated)}
}

// end ends the looks when nothing waits for them any more.
func (w *images) end() {
	w.stop()
	w.watcher.Wait()
}

// await waits until the version is there, for [imagePatience] at most. number is 0
// then where it is not: AWS answers a write with success, and stores nothing,
// both where the image cannot be used and where the caller may not look at
// images.
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
	return number, fmt.Errorf("see whether version %d was stored: %w", number, err)
}

func (w *images) forget(name ssmbak.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, name)
}

// watch looks at all images that are waited for until there are none.
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
		look := time.NewTimer(imageLook)
		select {
		case <-look.C:
		case <-w.ctx.Done():
			look.Stop()
			return
		}
	}
}

// names returns the names that are waited for; nil, and nobody watches any more,
// if there are none.
func (w *images) names() (names []ssmbak.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.waiting {
		names = append(names, name)
	}
	w.watching = names != nil
	return names
}
