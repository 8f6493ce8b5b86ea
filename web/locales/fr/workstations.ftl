# Postes dédiés (article 6).
nav-workstations = Postes dédiés
workstations-title = Postes dédiés
workstations-lead = Les seules machines sur lesquelles un transfert peut être vu (article 6). Révoquer un poste coupe aussitôt ce qui y est regardé.
workstations-not-required = Aucune autorité de postes n’est configurée (https.workstation_ca) : les agents peuvent se connecter depuis n’importe quelle machine.
workstations-none = Aucun poste dédié n’a encore été délivré.
workstations-issue = Un poste se délivre sur le serveur lui-même, jamais depuis cette page, pour qu’une session volée ne puisse pas en fabriquer un :
workstations-ending = { $n ->
    [one] Le certificat d’un poste prend fin ou a pris fin.
   *[other] Les certificats de { $n } postes prennent fin ou ont pris fin.
}
workstations-ending-todo = Délivrez-en un nouveau avant la date indiquée.
col-workstation = Poste
col-issued = Délivré
col-until = Fin du certificat
col-last-seen = Vu pour la dernière fois
workstation-in-use = en service
workstation-ends-soon = fin proche
workstation-expired = certificat expiré
workstation-revoked = révoqué
workstation-console = console du serveur
workstation-never-seen = jamais
workstation-watching = { $n ->
    [one] Un visionnage en cours
   *[other] { $n } visionnages en cours
}
workstation-revoke = Révoquer
workstation-revoke-title = Révoquer ce poste ?
workstation-revoke-text = Ce qui y est regardé est coupé aussitôt, et plus personne ne peut s’y connecter. Le motif est inscrit au registre.
notice-workstation-revoked = Le poste est révoqué ; ce qui y était regardé a été coupé.
event-workstation-reminded = Rappel n° { $number } : le certificat du poste dédié { $workstation } prend fin le { $until }.
mail-kind-renewal = rappel de renouvellement
mail-kind-workstation-expiry = fin d’un certificat de poste
refusal-unknown-workstation = Aucun poste enregistré ne porte ce nom.
