# Pages. The convention's own terms are kept where English has none.
skip = Skip to content
nav-label = Main navigation
nav-home = Home
nav-tickets = Requests
nav-sessions = Live sessions
nav-connections = Connections
nav-sites = Sites and cameras
nav-register = Register
nav-people = People
nav-mails = Demo mails
logout = Log out
live-on = Up to date
live-off = Connection lost, retrying…
cancel = Cancel
until = until
nobody = nobody
actor-system = The system

month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec

role-operator = CSU agent
role-chief = CSU head of service
role-decider = Decider (titulaire or suppléant)
role-guard = Security officer
role-dpo = Data protection officer
role-administrator = Administrator
role-auditor = Auditor

reason-atteintes-integrite-physique = Bodily harm
reason-vols = Theft
reason-degradations = Damage
reason-attroupements = Gatherings
reason-occupations-abusives = Abusive occupation
reason-intervention-police = Police operation (national or municipal)

condition-site-unknown = the site no longer exists
condition-service-changed = the receiving service has changed
condition-convention-not-valid = the convention is no longer in force
condition-requester-not-designated = the agent is no longer named in the annex
condition-viewer-not-designated = the person is no longer named in the annex
condition-workstation-revoked = the workstation has been revoked
condition-camera-detached = a camera was removed from the site

banner-read-only = Register is read-only.
banner-read-only-text = No trace, no transfer: no access can be opened, and live transfers have been cut.
banner-reserve = Disk full: the register is writing on its reserve. Tell the administrator.
banner-stopping = The server is stopping. Live transfers are being cut.

notice-filed = Access request sent. Both deciders have been told by mail.
notice-approved = Request approved: the transfer is open.
notice-refused = Request refused.
notice-withdrawn = Request withdrawn.
notice-ended = End of intervention recorded: the images are cut.
notice-interrupted = Transfer interrupted.
notice-interrupted-in = Transfer interrupted: last picture sent { $cut } after the decision.
notice-session-cut = Session cut.
notice-session-cut-in = Session cut: last picture sent { $cut } after the decision.
notice-second-factor-reset = Second factor reset: the person enrols a new one at their next log-in.
notice-logged-out = You are logged out.

# Log-in
login-title = Log in
login-lead = A personal account, never shared.
login-button = Log in
login-refused = Wrong address, password or code.
login-too-many = { $n ->
    [one] Too many attempts. Wait one second before trying again.
   *[other] Too many attempts. Wait { $n } seconds before trying again.
}
login-expired = Your session has ended. Log in again to go on.
login-demo = Demo accounts
login-demo-text = Click an account to fill in the form. These accounts exist in the demo alone.
email = E-mail address
password = Password
code = 6-digit code
second-factor-title = Second factor
second-factor-lead = Type the code your authenticator application shows.
second-factor-recovery = Lost your telephone? Type one of your recovery codes.
second-factor-button = Confirm
second-factor-back = Back to the log-in
second-factor-refused = Wrong code, or used before. Wait for the next one.
enrol-title = Enrol a second factor
enrol-lead = Everybody proves who they are by a password and a code. You do this once.
enrol-scan = With an authenticator application (FreeOTP, Google Authenticator, Microsoft Authenticator…), read this code:
enrol-qr = QR code of the second factor; the key is written out below
enrol-type = Without a camera, type this key:
enrol-open = Open in an application of this device
enrol-then = Type the 6-digit code it shows.
recovery-title = Recovery codes
recovery-lead = Write these codes down and keep them away from this computer. Each stands in once for the application’s code.
recovery-once = They are never shown again. If they are lost with the telephone, the administrator resets the second factor.
recovery-done = I have written them down

# People
people-title = People
people-lead = Designated people and how they log in. Every change is written to the register.
col-role = Role
col-second-factor = Second factor
second-factor-since = enrolled on
second-factor-none = to be enrolled at the next log-in
recovery-left = { $n ->
    [0] no recovery code
    [one] { $n } recovery code
   *[other] { $n } recovery codes
}
second-factor-reset = Reset
second-factor-reset-title = Reset the second factor?
second-factor-reset-text = The person is logged out everywhere and enrols a new second factor at their next log-in. Make sure of who they are. The reason is written to the register.

# Errors
error-400-title = Request not understood
error-400-text = The server did not understand this request. Go back and try again.
error-401-title = Log-in needed
error-401-text = Log in to go on.
error-403-title = Not allowed
error-403-text = Your role does not allow this, or the page was open for too long. Reload it and try again.
error-404-title = Page not found
error-404-text = There is nothing at this address, or it is not for you.
error-405-title = Not possible here
error-405-text = This address does not allow that action.
error-409-title = No longer possible
error-409-text = Things have changed in the meantime. Reload the page to see where the request stands.
error-410-title = It is over
error-410-text = What was open no longer is. A new request is possible if needed.
error-413-title = Too large
error-413-text = The server does not take anything of this size.
error-422-title = Not acceptable
error-422-text = A value is not acceptable. Go back and correct it.
error-429-title = Too many requests
error-429-text = Wait a moment before trying again.
error-500-title = Server error
error-500-text = The server could not answer. The incident is in its log; tell the administrator if it happens again.
error-503-title = Service unavailable
error-503-text = Nothing can be granted right now. Try again in a moment.
error-reference = Reference for the administrator:
error-back = Back

# Home
home-hello = Hello { $name }
home-lead-operator = Ask for images, follow your requests, report the end of the intervention.
home-lead-chief = Follow the transfers granted to your service.
home-lead-decider = Look, decide, interrupt: only you and your deputy decide on transfers.
home-lead-guard = Follow live transfers and interrupt them where needed.
home-lead-dpo = Read the register of transmissions.
home-lead-administrator = Watch over sessions and cameras, cut where needed. You see no images.
home-lead-auditor = Read the register of transmissions.
home-ask = New access request
home-pending = { $n ->
    [one] request waiting
   *[other] requests waiting
}
home-open = { $n ->
    [one] open transfer
   *[other] open transfers
}
home-sessions = { $n ->
    [one] live session
   *[other] live sessions
}
home-entries = { $n ->
    [one] register entry
   *[other] register entries
}
home-cameras = cameras online
cameras-online = cameras online

# Requests
tickets-title = Access requests
tickets-pending = Waiting for a decision
tickets-pending-none = No request is waiting.
tickets-open = Open transfers
tickets-open-none = No transfer is open.
tickets-past = Finished
tickets-past-none = Nothing yet.
asked-at = asked at
lapses-in = Lapses in
time-left = Left
ask-title = New access request
ask-no-site = You are not named for any site. Speak to the landlord.
ask-site = Site
ask-reasons = Reason (at least one)
ask-duration = Duration
ask-duration-hint = 2 to 12 hours. It is a ceiling: report the end of the intervention as soon as the images are no longer needed.
ask-email = Your e-mail address
ask-email-mine = It is mine
ask-email-hint = Type or confirm the address of your account: { $email }
ask-button = Send the access request
ask-note = A decider of the landlord answers. Without an answer in 15 minutes the request lapses.

state-requested = Waiting for a decision
state-refused = Refused
state-lapsed = Lapsed
state-withdrawn = Withdrawn
state-voided = Void
state-open = Transfer open
state-expired = Time is up
state-ended = Intervention over
state-interrupted = Interrupted by the landlord
state-cut = Cut by the administrator
state-refused-after = Refused after opening
state-condition = Cut: condition not met
state-register-failure = Cut: register unavailable
state-server-stopped = Cut: server stopped

meaning-requested = The request waits for one of the landlord’s deciders. Silence is never consent.
meaning-refused = { $who } refused the request.
meaning-lapsed = Nobody answered in time. A new request is possible.
meaning-withdrawn = The agent took the request back before any decision.
meaning-voided = A condition of the convention is no longer met; the request is void.
meaning-open = The images can be watched on the dedicated workstation. Nothing can be recorded.
meaning-expired = The time granted is over; the images are cut.
meaning-ended = { $who } reported the end of the intervention; the images are cut.
meaning-interrupted = { $who } interrupted the transfer for the landlord; the images are cut.
meaning-cut = { $who } (administration) cut the transfer.
meaning-refused-after = { $who } refused while the transfer was open: the refusal wins, the images are cut.
meaning-condition = A condition of the convention is no longer met; the images are cut.
meaning-register-failure = The register could not be written: no trace, no transfer.
meaning-server-stopped = The server stopped during the transfer. It is never resumed by itself.

ticket-changed = The request has changed:
open-until = Open until
watch-button = Watch the images
watch-title = Live images
watch-back = Back to the request
withdraw-button = Withdraw the request
withdraw-title = Withdraw the request?
withdraw-text = Nobody will have to decide any more. A new request remains possible.
end-button = End of intervention
end-title = End of intervention?
end-text = The images are cut at once, on every workstation. Seeing them again takes a new request.
fact-who = Requester
fact-why = Reason
fact-length = Duration asked for
fact-until-if = if approved now, until
fact-where = Site
fact-asked = Asked on
fact-opened = Opened on
fact-ended = Ended on
fact-flowed = Images shown for
fact-by = by { $name }
preview-title = The images, now
approve-button = Approve
refuse-button = Refuse
refuse-title = Refuse the request
refuse-text = The reason is written into the register and shown to the agent.
decision-note = Your look at the images is written into the register. Approving does not oblige the police to intervene.
interrupt-button = Interrupt
interrupt-title = Interrupt the transfer
interrupt-text = The images are cut at once, on every workstation. The reason is written into the register and shown to the agent.
why-label = Reason
history-title = In the register

watch-end-requested = Waiting for a decision
watch-end-refused = Request refused
watch-end-lapsed = Request lapsed
watch-end-withdrawn = Request withdrawn
watch-end-voided = Request void
watch-end-open = No image to show
watch-end-expired = Transfer expired
watch-end-ended = Intervention over
watch-end-interrupted = Interrupted by the landlord
watch-end-cut = Cut by the administrator
watch-end-refused-after = Refused by the landlord
watch-end-condition = Transfer cut
watch-end-register-failure = Transfer cut: register unavailable
watch-end-server-stopped = Transfer cut: the server stopped
full-screen = Full screen
wall-back = All cameras
wall-keys = Keys 1 to 9: enlarge a camera · arrows: the next one · Escape: all cameras · F: full screen. No recording, no capture (article 4).
tile-enlarge = Enlarge

# The player's words
player-connecting = Connecting to the server…
player-live = Live
player-reconnecting = Network lost, reconnecting…
player-waiting = Waiting for the picture
player-unreachable = Camera unreachable
player-frozen = Frozen picture
player-age = ago
player-cipher = encrypted hop by hop, AES-256
player-cipher-unknown = encrypted hop by hop, AES-256 enforced by the server (this browser does not show it)
player-weak-title = Encryption too weak
player-weak-text = This browser did not negotiate AES-256. The images have been stopped. Use the dedicated workstation.
player-lost-title = Network lost
player-lost-text = The line to the server is down. The page keeps trying by itself while the request is open.
player-gave-up-title = Cannot reconnect
player-gave-up-text = The server does not answer. Check this workstation’s network, then try again.
player-stopped-title = Server stopped
player-stopped-text = The server is stopping or restarting; the transfer is cut and never resumed by itself.
player-cut-title = Cut by the administrator
player-cut-text = The administrator cut your session. The request is still open.
player-elsewhere-title = Already open elsewhere
player-elsewhere-text = These images are already open in another window with your account. Close it, then try again.
player-refused-title = Images refused
player-refused-text = The server does not grant these images.
player-ended-title = Images stopped
player-ended-text = The server ended this session.
player-logged-out-title = Session over
player-logged-out-text = Log in again to go on.
player-retry = Try again
player-resume = Resume the images
player-login = Log in
player-tampered = The watermark was altered: the picture is hidden.
player-enlarge-back = Reduce

# Administration
sessions-title = Live sessions
sessions-lead = Each row is a person receiving images right now. “Cut” stops that row alone.
sessions-none = Nobody is receiving images.
hop-by-hop = Encrypted hop by hop, AES-256: from the site to the server, then from the server to the workstation.
purpose-transfer = Transfer
purpose-viewing = Landlord’s look
connecting = Connecting…
frozen = Frozen picture
col-who = Who
col-ticket = Request
col-from = From
col-since = Since
col-cameras = Cameras, picture age
col-volume = Volume
col-cipher = Cipher
col-action = Action
col-when = When
col-what = What
col-address = Address
col-detail = Detail
col-camera = Camera
col-state = State
col-codec = Codec
col-picture = Resolution
col-fps = Frames/s
col-bitrate = Bit rate
col-age = Age
col-publisher = Source
cut-button = Cut
cut-title = Cut this session
cut-text = Only this person is cut; the request stays open. The reason is written into the register and shown to the person.
connections-title = Connection log
connections-lead = Log-ins, refusals, viewings, cameras that publish. Kept for a year at most; the register is the legal record.
connections-none = The log is empty.
connection-logged-in = Logged in
connection-login-refused = Log-in refused
connection-logged-out = Logged out
connection-refused = Access refused
connection-viewing = Viewing opened
connection-viewing-refused = Viewing refused
connection-viewing-left = Viewing left
connection-publisher-came = Camera connected
connection-publisher-went = Camera disconnected
connection-publisher-refused = Camera refused
connection-tls-refused = TLS refused
pager-label = Pages
pager-newer = Newer
pager-older = Older
sites-title = Sites and cameras
sites-lead = Health of the streams received, without images. Sound is never passed on.
sites-none = No site.
site-service = Receiving service:
site-convention = Convention:
site-not-in-force = not in force
camera-online = Online
camera-offline = Unreachable
audio-dropped = Sound ignored

# Register
register-title = Register
register-lead = Every event in the order in which it was written, newest first.
register-none = The register is empty.
event-server-started = The server started (version { $version }).
event-server-stopping = The server was stopped.
event-register-repaired = An incomplete last line ({ $bytes } bytes), never acknowledged, was removed when the register was opened.
event-clock-stepped = The machine’s clock jumped by { $seconds } s.
event-site-declared = Site { $site } was declared or changed ({ $cameras } cameras).
event-designated = { $person } is named: { $role }.
event-second-factor-reset = { $actor } reset the second factor of { $person }.
event-workstation-issued = { $actor } registered the workstation { $workstation } of { $service }.
event-workstation-revoked = { $actor } revoked the workstation { $workstation }.
event-struck = { $person } was struck from the annex.
event-requested = { $actor } asks for access to { $site } for { $service }: { $reasons }; { $duration }.
event-withdrawn = { $actor } withdrew the request.
event-lapsed = Without an answer, the request lapsed.
event-voided = The request is void: a condition is no longer met.
event-approved = { $actor } approved the request.
event-opened = The transfer is open until { $until }.
event-refused = { $actor } refused the request.
event-closed-expired = Transfer over: time is up.
event-closed-ended = Transfer over: { $actor } reported the end of the intervention.
event-closed-interrupted = Transfer interrupted for the landlord by { $actor }.
event-closed-cut = Transfer cut by administrator { $actor }.
event-closed-refused-after = Transfer cut: { $actor } refused after it was opened.
event-closed-condition = Transfer cut: a condition is no longer met.
event-closed-register-failure = Transfer cut: the register could not be written.
event-closed-server-stopped = Transfer ended by the server’s stop.
event-flowed = images shown for { $length }
event-cut-in = cut in { $cut }
event-session-granted-transfer = { $actor } is granted the transfer’s images, from { $workstation }.
event-session-granted-viewing = { $actor } looks at the images for the landlord, from { $workstation }.
event-session-connected = The images are encrypted and connected.
event-session-ended-left = The viewing was left.
event-session-ended-vanished = The workstation no longer answers: viewing over.
event-session-ended-weak-cipher = Viewing refused: encryption too weak, no image was sent.
event-session-ended-ticket-closed = Viewing over with the transfer.
event-session-ended-cut = { $actor } cut this session.
event-session-ended-expired = Viewing over: time is up.
event-session-ended-replaced = Viewing resumed after a network loss.
event-session-ended-failed = Viewing ended by a failure.
event-session-ended-condition = Viewing cut: a condition is no longer met.
event-session-ended-register-failure = Viewing cut: the register could not be written.
event-session-ended-server-stopped = Viewing ended by the server’s stop.

# Demo mails
mails-title = Demo mails
mails-lead = What the server would send by mail. Opening a link decides nothing: logging in is required.
mails-boxes = Recipients
mails-all = All recipients
mails-none = No mail yet.
mails-to = To
mails-open = Open

# Refusals by their code
refusal-request-faulty = The request has faults; each is named.
refusal-ticket-live = A request for this site is already under way.
refusal-operators-only = Only a CSU agent can ask for access.
refusal-administrator-only = Only the administrator may do this.
refusal-landlord-or-administrator-only = Only the landlord and the administrator may interrupt.
refusal-deciders-only = Only the deciders decide.
refusal-requester-only = Only the agent who asked may do this.
refusal-own-ticket = Nobody decides on their own request.
refusal-not-designated = You are not named in the annex in force.
refusal-not-your-images = These images are not for you.
refusal-ticket-not-open = Nobody has approved this request yet.
refusal-already-approved = This request has been approved already.
refusal-already-refused = This request has been refused already.
refusal-already-watching = These images are already open in another window.
refusal-ticket-lapsed = Nobody answered in time: the request lapsed.
refusal-ticket-withdrawn = The agent took this request back.
refusal-ticket-voided = A condition of the request was no longer met.
refusal-ticket-over = This transfer is over. A new request is possible.
refusal-ticket-expired = The time granted is over.
refusal-unknown-ticket = There is no such request, or it is not for you.
refusal-unknown-session = There is no such session.
refusal-session-over = This session is over already.
refusal-no-reason-given = Give a reason.
refusal-reason-too-long = The reason is too long.
refusal-own-second-factor = Another administrator has to reset your own second factor.
refusal-unknown-person = This person is not in the annex in force.
refusal-workstation-required = Log in from the dedicated workstation of your service (article 6). Its certificate is missing, revoked or of another service.
refusal-workstation-revoked = This workstation has been revoked. Tell the administrator.
refusal-not-found = There is nothing at this address, or it is not for you.
refusal-register-unavailable = The register cannot be written: nothing is granted. The administrator has been told.
refusal-busy = Too much is asked at once. Try again in a second.
refusal-stopping = The server is stopping.
refusal-disk-full = The server’s disk is full: running transfers can still be ended; the administrator must free space and restart the server.
fault-email-mismatch = This is not the address of your account.
fault-duration-out-of-range = The duration is 2 to 12 hours.
fault-unknown-site = Choose a site of the convention.
fault-site-not-yours = This site is not open to your service.
fault-convention-not-valid = This site’s convention is not in force.
fault-no-reason = Tick at least one reason.
fault-unknown-reason = This reason is not in the convention.
fault-no-reason-given = Give a reason.
fault-reason-too-long = The reason is too long.
