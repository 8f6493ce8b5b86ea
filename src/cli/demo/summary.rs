//! What the demo says when it is up.

use super::footage;
use super::props::DemoFile;

/// Prints addresses, log-ins, where mails are read, how to trust the authority, how to stop.
pub(super) fn print(file: &DemoFile, dark: bool) {
    println!();
    println!("Écluse est prête. / Écluse is up.");
    println!();
    println!("  pages          {}", file.https_url);
    println!("  courriels      {}   (les courriels de la démonstration / the demo's mails)", file.mails_url);
    println!("  caméras        rtsps://localhost:{}/{}/CAMERA", file.rtsp_port, file.site);
    println!("  données        {}   (demo.json : la même chose pour les programmes)", file.data_dir.display());
    println!();
    println!("  {:<14} {:<32} {:<30} mot de passe / password", "rôle", "nom", "identifiant / log-in");
    for person in &file.people {
        println!("  {:<14} {:<32} {:<30} {}", person.role.as_str(), person.name, person.email, person.password);
    }
    println!("  Second facteur : la page de connexion montre le code du moment (secrets TOTP : demo.json).");
    println!("  Second factor: the log-in page shows the code of the moment (TOTP secrets: demo.json).");
    println!();
    if let Some(workstation) = &file.workstation {
        let needed = if workstation.required { "exigé / required" } else { "facultatif / optional" };
        println!("  poste dédié    {}   ({needed} ; passphrase {})", workstation.p12.display(), workstation.passphrase);
        println!("    importer dans le navigateur, puis --require-workstation / import it, then --require-workstation");
        println!();
    }
    println!("  Le certificat vient d'une autorité jetable / The certificate comes from a throw-away authority:");
    println!("    curl --cacert {} {}/healthz", file.ca.display(), file.https_url);
    println!(
        "    chromium --user-data-dir=$(mktemp -d) --ignore-certificate-errors-spki-list={} {}",
        file.spki_sha256, file.https_url
    );
    println!();
    if dark {
        println!("  Caméras éteintes (--no-pusher) : poussez vous-même / push to them yourself:");
        for camera in &file.cameras {
            println!("    {}   user {}   password: demo.json", camera.url, camera.user);
        }
    } else {
        let source = if footage::real_footage() {
            "images réelles / real CCTV footage (opencv-doc)"
        } else {
            "scène générée / generated scene (opencv-doc is not installed)"
        };
        println!("  {} caméras : {source}", file.cameras.len());
        println!("  L'horloge dans l'image suit les secondes de cette machine : la différence est la latence.");
        println!("  The clock in the picture follows this machine's seconds: the difference is the latency.");
    }
    println!();
    println!(
        "  L'histoire : l'agent demande, le titulaire regarde et approuve, l'agent ouvre les images, l'admin coupe."
    );
    println!("  The story: the agent asks, the titulaire looks and approves, the agent watches, the admin cuts.");
    println!("  Ctrl-C : arrêter / stop.");
}
