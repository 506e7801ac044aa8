package stack

import _ "embed"

//go:embed template.yaml
var template string

// Template returns the CloudFormation template.
func Template() string { return template }
