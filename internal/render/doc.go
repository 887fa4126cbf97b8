// Package render writes findings for those who read them: people at a terminal
// (Text), by mail (Email) and in a chat (Chat), scripts (JSON) and security data
// lakes (OCSF). It writes reports as text (ReportText) and as JSON (ReportJSON);
// package page beneath it writes them as HTML in the same words.
//
// The same finding gives the same bytes. Names and facts in a finding may have
// been chosen by an attacker; whatever they hold, no form lets a terminal act
// on it, and no two forms disagree about a finding.
//
// The JSON shape is the contract with users' scripts and stays in this package:
// the vocabulary in package incident has no tags.
package render
