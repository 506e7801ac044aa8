package archive

import (
	"fmt"
	"testing"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
	"github.com/ssmbak/ssmbak/timeline"
)

// BenchmarkDecodeIndex decodes the object of an index with 20 versions.
func BenchmarkDecodeIndex(b *testing.B) {
	d := indexDocument{Name: "/app/db", Writer: "0123456789abcdef"}
	for i := range 20 {
		at := ssmbak.Seconds(1_700_000_000 + 60*int64(i))
		d.Versions = append(d.Versions, timeline.Version{
			Version: ssmbak.Version{
				Number: int64(i + 1), Time: at, User: "arn:aws:iam::123456789012:user/deploy",
				Attributes: ssmbak.Attributes{Type: ssmbak.TypeString, Tier: "Standard", DataType: "text"},
			},
			Events:  []string{fmt.Sprintf("01234567-89ab-cdef-0123-%012d", i)},
			Objects: []timeline.ObjectRef{{ID: fmt.Sprintf("%032d", i), Written: at.Add(1)}},
		})
	}
	body, err := indexKind.Encode(&d, bucket.Unknown{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := indexKind.Decode(indexKey(d.Name), body); err != nil {
			b.Fatal(err)
		}
	}
}
