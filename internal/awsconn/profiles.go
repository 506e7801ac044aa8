package awsconn

import (
	"bufio"
	"os"
	"regexp"
	"slices"
)

// A section of the config file begins a profile as [profile NAME], except [default]; one of
// the credentials file as [NAME].
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
var (
	configSection      = regexp.MustCompile(`^\s*\[\s*(?:profile\s+"?([^"\]]*?)"?|(default))\s*\]`)
	credentialsSection = regexp.MustCompile(`^\s*\[\s*([^"\]]*?)()\s*\]`)
)

// Profiles returns the names of the profiles in the shared configuration files, sorted. It
// skips a file that cannot be read.
func Profiles() []string {
	files := SharedFiles()
	all := append(sections(files[0], configSection), sections(files[1], credentialsSection)...)
	slices.Sort(all)
	return slices.Compact(all)
}

func sections(file string, section *regexp.Regexp) (names []string) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if m := section.FindStringSubmatch(lines.Text()); m != nil && m[1]+m[2] != "" {
			names = append(names, m[1]+m[2])
		}
	}
	return names
}

// Regions returns the names of the regions that have Parameter Store, sorted, without those
// of isolated partitions.
// https://docs.aws.amazon.com/general/latest/gr/ssm.html
func Regions() []string {
	return []string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
		"ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
		"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1",
		"mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
	}
}
