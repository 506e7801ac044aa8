package paramstore

import (
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ssmbak/ssmbak/internal/awsclock"
)

// Paced is the client that a [Store] uses.
func Paced(client *ssm.Client, maxRate float64) *ssm.Client {
	return PacedWaiting(client, maxRate, nil)
}

// PacedWaiting is Paced with [Options.Waiting].
func PacedWaiting(client *ssm.Client, maxRate float64, waiting func(parameter, message string)) *ssm.Client {
	return paced(client, maxRate, waiting, new(awsclock.Clock))
}
