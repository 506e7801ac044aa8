package moto

import (
	"net/http"
	"sync"
)

// serialize lets one write per path through at a time. moto 5.2.1 checks If-Match and
// If-None-Match and then writes without a lock (put_object in moto/s3/responses.py),
// and updates the list of an object's versions without a lock (put_object in
// moto/s3/models.py), while moto_server handles requests in threads. With two threads
// and sys.setswitchinterval(1e-5), two writers with the same If-Match both got 200 in
// 7 of 200 rounds. In S3 one of them gets 412 or 409.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func serialize(next http.Handler) http.Handler {
	var turns sync.Map // by path, a channel that holds one value during a write
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodDelete {
			turn, _ := turns.LoadOrStore(r.URL.EscapedPath(), make(chan struct{}, 1))
			turn.(chan struct{}) <- struct{}{}
			defer func() { <-turn.(chan struct{}) }()
		}
		next.ServeHTTP(w, r)
	})
}
