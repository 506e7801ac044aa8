package ssmapi

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The data types that AWS's page names
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html).
const (
	dataText        = "text"
	dataInteger     = "integer"
	dataFloat       = "float"
	dataImage       = "aws:ec2:image"
	dataIntegration = "aws:ssm:integration"
)

var (
	imageID      = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	integerValue = regexp.MustCompile(`^-?[0-9]+$`)
)

// dataTypes returns the data types that the store knows.
func (s *Store) dataTypes() []string {
	return append([]string{dataText, dataInteger, dataFloat, dataImage, dataIntegration}, s.opt.DataTypes...)
}

// decideDataType: a request without a data type leaves the one of an existing
// parameter unchanged: the acceptance tests of
// https://github.com/hashicorp/terraform-provider-aws (internal/service/ssm,
// parameter_test.go) update values without sending it and read it back. It is
// one of a String parameter, except that integrations are SecureStrings
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/creating-integrations.html).
func (s *Store) decideDataType(v, old *version, in *putInput) error {
	v.dataType = dataText
	switch {
	case in.DataType != nil:
		v.dataType = *in.DataType
	case old != nil:
		v.dataType = old.dataType
	}
	switch {
	case !slices.Contains(s.dataTypes(), v.dataType):
		return invalid("The following data type is not supported: %s (Data type names are all lowercase.)", v.dataType)
	case v.dataType == dataImage && v.typ != typeString, v.dataType == dataIntegration && v.typ == typeStringList:
		return invalid("The data type %s is not supported for a parameter of type %s.", v.dataType, v.typ)
	case old != nil && v.dataType != old.dataType && (fixed(v.dataType) || fixed(old.dataType)):
		// "You can't change a parameter to or from either of these data
		// types" (the page of data types; also
		// https://github.com/hashicorp/terraform-provider-aws/issues/35959).
		// No recording of the error's code and text is known: this is a guess.
		return invalid("The data type of a parameter can't be changed from %s to %s.", old.dataType, v.dataType)
	}
	return checkValue(v)
}

// fixed reports whether a parameter keeps this data type for its life.
func fixed(dataType string) bool { return dataType == dataImage || dataType == dataIntegration }

// checkValue: "For most data types, Parameter Store validates the value during
// the PutParameter operation and rejects values that don't conform"; of a
// StringList "each item in the list" (the page of data types). What an integer
// or a float may look like, and the error, are not documented.
func checkValue(v *version) error {
	items := []string{v.value}
	if v.typ == typeStringList {
		items = strings.Split(v.value, ",")
	}
	for _, item := range items {
		switch v.dataType {
		case dataInteger:
			if !integerValue.MatchString(item) {
				return invalid("The parameter value is not of the data type %s.", v.dataType)
			}
		case dataFloat:
			if _, err := strconv.ParseFloat(item, 64); err != nil {
				return invalid("The parameter value is not of the data type %s.", v.dataType)
			}
		}
	}
	return nil
}

// pendingImage is an aws:ec2:image value that is being validated.
type pendingImage struct {
	rec  *record
	due  int64
	v    *version
	tags map[string]string
}

// startImage validates an aws:ec2:image value "asynchronously, and the
// PutParameter call returns before the validation is complete. If you submit an
// invalid AMI value, the PutParameter operation will return success, but the
// asynchronous validation will fail and the parameter will not be created or
// updated" (SDK, PutParameterInput.DataType). No image exists here: one with
// the form of an image's id passes. The lock is held.
func (s *Store) startImage(rec *record, v *version, tags map[string]string) {
	image := pendingImage{rec, s.opt.Now().Add(s.opt.ImageDelay).UnixMilli(), v, tags}
	if s.opt.ImageDelay <= 0 {
		s.finishImage(image)
		return
	}
	s.images = append(s.images, image)
	s.pending.Store(int64(len(s.images)))
}

func (s *Store) finishImage(image pendingImage) {
	if imageID.MatchString(image.v.value) && !s.noImages {
		s.commit(image.rec, image.v, image.tags)
		return
	}
	op := "Create"
	if image.rec.current() != nil {
		op = "Update"
	}
	s.imageRefused(image.rec.name, op, image.due, image.v)
}

// DenyDescribeImages sets whether callers lack ec2:DescribeImages. Then a
// PutParameter of an aws:ec2:image value answers as ever, with a version, and
// stores nothing (https://github.com/boto/boto3/issues/3588). That the event of
// a validation that failed comes here too follows from its text, "Unable to
// Describe Resource".
func (s *Store) DenyDescribeImages(denied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noImages = denied
}

// validating reports whether a value of the name is being validated. The lock
// is held.
func (s *Store) validating(name string) bool {
	return slices.ContainsFunc(s.images, func(i pendingImage) bool { return i.rec.name == name })
}

// settleImages ends the validations that are due.
func (s *Store) settleImages() {
	if s.pending.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now().UnixMilli()
	var later []pendingImage
	for _, image := range s.images {
		if image.due > now {
			later = append(later, image)
			continue
		}
		s.finishImage(image)
	}
	s.images = later
	s.pending.Store(int64(len(later)))
}

// forgetImages drops validations of a name that is being deleted. The lock is
// held.
func (s *Store) forgetImages(name string) {
	s.images = slices.DeleteFunc(s.images, func(i pendingImage) bool { return i.rec.name == name })
	s.pending.Store(int64(len(s.images)))
}
