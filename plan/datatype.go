package plan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ssmbak/ssmbak"
)

// Data types whose values Parameter Store validates against other services. It
// validates an image only after it has answered the request, so a successful response
// does not prove that the version was stored.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const (
	DataTypeImage = "aws:ec2:image"
	integration   = "aws:ssm:integration"
)

// fixed reports whether Parameter Store refuses to change one data type to the other in
// place, which it does for the data types that it validates.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html
// https://github.com/hashicorp/terraform-provider-aws/pull/35960
func fixed(from, to string) bool {
	return from != to && (validated(from) || validated(to))
}

func validated(dataType string) bool { return dataType == DataTypeImage || dataType == integration }

// dataTypes returns the data type before and after the restore of a parameter that
// exists.
func (c *Case) dataTypes() (before, after string) {
	v := c.After.Version
	if legacyOnly(c.After) {
		v = fillLegacy(v, c.Before)
	}
	return Defaulted(c.Before.Version.Attributes).DataType, Defaulted(v.Attributes).DataType
}

// imageID matches the ID of an image.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
var imageID = regexp.MustCompile(`^ami-[0-9a-f]{8}([0-9a-f]{9})?$`)

// dataTypeConflict returns the reason why a value cannot be written while the parameter
// keeps its data type, or "": Parameter Store would refuse it, or accept it and store
// nothing.
func (c *Case) dataTypeConflict(w Write) string {
	before, after := c.dataTypes()
	unchanged := w.Type == c.Before.Version.Type && c.Before.Value.IsKnown() && c.Before.Value.V.Equal(w.Value)
	switch {
	case !fixed(before, after), unchanged, fits(before, w.Type, w.Value.Reveal()):
		return ""
	case before == DataTypeImage && w.Type == ssmbak.TypeString && imageID.MatchString(w.Value.Reveal()):
		return ""
	}
	return fmt.Sprintf("its data type is %s and was %s: %s; %s", before, after, reasonDataType, orReplace)
}

// fits reports whether the data type accepts the value, or each item of a StringList, by
// its syntax alone. It returns false for data types that are validated elsewhere.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-data-types.html
func fits(dataType string, kind ssmbak.Type, value string) bool {
	items := []string{value}
	if kind == ssmbak.TypeStringList {
		items = strings.Split(value, ",")
	}
	for _, item := range items {
		var err error
		switch dataType {
		case DataTypeImage, integration:
			return false
		case "integer":
			_, err = strconv.ParseInt(item, 10, 64)
		case "float":
			_, err = strconv.ParseFloat(item, 64)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// ChangesDataType reports whether an update changes the data type.
func (i *Item) ChangesDataType() bool {
	return i.Action == ActionUpdate && i.Before != nil && i.Write.DataType != Defaulted(i.Before.Version.Attributes).DataType
}
