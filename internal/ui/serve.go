package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// farewell is how long answers in progress may take when the server ends.
const farewell = 5 * time.Second

// Serve serves the page on a port of 127.0.0.1, or on any free port if it is 0, and calls
// ready with its address, and one for a command line, until ctx ends. Then it serves on
// until the restore in progress has ended. interrupted says that there was one. Nothing of
// the page is kept.
func Serve(ctx context.Context, o Options, port int, ready func(url, once string)) (interrupted bool, err error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false, fmt.Errorf("serve the page: %w", err)
	}
	s := New(ctx, o, l.Addr().String())
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	ready(s.URL(), s.OnceURL())
	select {
	case err := <-ended:
		return false, fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	}
	interrupted = s.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return interrupted, fmt.Errorf("end the page: %w", err)
	}
	return interrupted, nil
}
