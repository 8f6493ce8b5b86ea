# Dedicated workstations (article 6).
nav-workstations = Workstations
workstations-title = Dedicated workstations
workstations-lead = The only machines that may show a transfer (article 6). Revoking one cuts at once what is watched on it.
workstations-not-required = No authority for workstations is configured (https.workstation_ca): agents can log in from any machine.
workstations-none = No workstation has been issued yet.
workstations-issue = A workstation is issued on the server itself, never from this page, so that a stolen session cannot make one:
workstations-ending = { $n ->
    [one] The certificate of one workstation ends soon or has ended.
   *[other] The certificates of { $n } workstations end soon or have ended.
}
workstations-ending-todo = Issue a new one before the date given.
col-workstation = Workstation
col-issued = Issued
col-until = Certificate ends
col-last-seen = Last seen
workstation-in-use = in use
workstation-ends-soon = ends soon
workstation-expired = certificate expired
workstation-revoked = revoked
workstation-console = server console
workstation-never-seen = never
workstation-watching = { $n ->
    [one] One viewing now
   *[other] { $n } viewings now
}
workstation-revoke = Revoke
workstation-revoke-title = Revoke this workstation?
workstation-revoke-text = What is watched on it is cut at once, and nobody can log in on it any more. The reason goes into the register.
notice-workstation-revoked = The workstation is revoked; what was watched on it has been cut.
event-workstation-reminded = Reminder no. { $number }: the certificate of workstation { $workstation } ends on { $until }.
mail-kind-renewal = renewal reminder
mail-kind-workstation-expiry = end of a workstation's certificate
refusal-unknown-workstation = No registered workstation has this name.
