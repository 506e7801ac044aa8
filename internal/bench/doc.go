// Package bench measures how many requests ssmbak sends, how many of them follow each
// other, and how long AWS's limits make it wait.
//
// Its tests are the rows of docs/performance.md. go test plays small ones and checks their
// bounds; SSMBAK_BENCH=1 plays those of the table, and prints them as Go prints benchmarks.
package bench
