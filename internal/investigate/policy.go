package investigate

// Permissions are all that an investigation needs; none of them changes anything.
// GetCallerIdentity needs none.
func Permissions() []string { return []string{"account:ListRegions", "cloudtrail:LookupEvents"} }
