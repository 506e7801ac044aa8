package archive_test

import (
	"testing"

	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }
