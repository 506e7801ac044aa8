package paramstore

import "github.com/aws/aws-sdk-go-v2/service/ssm"

// Paced is the client that a [Store] uses.
func Paced(client *ssm.Client, maxRate float64) *ssm.Client { return paced(client, maxRate, nil) }

// PacedWaiting is Paced with [Options.Waiting].
var PacedWaiting = paced
