package restore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

func TestMain(m *testing.M) {
	testworld.CollectLess()
	goleak.VerifyTestMain(m)
}
